"""Errors of broken connections: the first failed call of each client, and `keyway doctor`.

    python -m tests.clients.connections    print a table of the errors, in Markdown

All clients must be built. Each must name the problem of each connection in its error and write nothing to standard
error. A refused loopback port must fail at once.
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clients.problem_table import sentences
from tests.clients.broken import Broken, connections
from tests.clients.languages import LANGUAGES
from tests.clients.running import Sandbox, sandbox

AT_ONCE: Final = 1.0
"""Seconds. With retries, gRPC would need more."""
DOCTOR: Final = "doctor"
# Node.js warns about IP addresses as server names, which is not a message of gRPC.
ENVIRONMENT: Final = {"NODE_OPTIONS": "--no-deprecation"}


@dataclass(frozen=True)
class Result:
    """The error of a first call. language: or DOCTOR. problem: empty if it is not known."""

    connection: Broken
    language: str
    problem: str
    text: str
    seconds: float = 0.0

    def why(self) -> str:
        """Return why the result is wrong; empty if it is right."""
        if self.problem != self.connection.problem:
            return f"expected {self.connection.problem}, got {self.problem or 'no problem'}: {self.text}"
        sentence = sentences("python" if self.language == DOCTOR else self.language)[self.problem]
        fix = sentence.partition(": ")[2]
        if fix not in self.text:
            return f"the fix is missing: {self.text}"
        if self.problem == "REFUSED" and self.seconds > AT_ONCE:
            return f"took {self.seconds:.1f} s"
        return ""


def checked(running: Sandbox, languages: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the name of a connection, the language, and a reason; the reason is empty if the error is right."""
    results, noise = asyncio.run(_results(running, languages))
    for result in results:
        yield result.connection.name, result.language, result.why()
    for language in languages:
        text = noise.get(language, "")
        yield "nothing on standard error", language, text[-400:]


async def _results(running: Sandbox, languages: list[str]) -> tuple[list[Result], dict[str, str]]:
    async with connections(running.ready) as broken:
        with tempfile.TemporaryDirectory(prefix="keyway-connections-") as folder:
            path = Path(folder) / "connections.json"
            path.write_text(json.dumps([{"name": each.name, **each.options} for each in broken]))
            # The calls mostly wait for retries.
            with ThreadPoolExecutor() as pool:
                called = {language: pool.submit(_call, running, language, path) for language in languages}
                diagnosed = [pool.submit(_diagnosis, each, Path(folder)) for each in broken]
                outputs = {language: await asyncio.wrap_future(future) for language, future in called.items()}
                results = [await asyncio.wrap_future(future) for future in diagnosed]
    for language, done in outputs.items():
        found = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
        for each in broken:
            line = found.get(each.name, {"problem": "", "text": "no result", "seconds": 0})
            results.append(Result(each, language, line["problem"], line["text"], line["seconds"]))
    return results, {language: done.stderr.decode(errors="replace") for language, done in outputs.items()}


def _call(running: Sandbox, language: str, path: Path) -> Any:
    return running.run(LANGUAGES[language], "connect", str(path), variables=ENVIRONMENT)


def _diagnosis(broken: Broken, folder: Path) -> Result:
    """Run `keyway doctor`; return the result of its last step."""
    options = {**broken.options}
    if token := options.pop("token", None):
        options["token_file"] = folder / broken.problem
        options["token_file"].write_text(token)
    arguments = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        arguments += [option] if value is True else [option, str(value)]
    command = [sys.executable, "-m", "keyway_cli", "doctor", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    lines = done.stdout.splitlines()
    step = json.loads(lines[-1]) if lines else {}
    return Result(broken, DOCTOR, step.get("problem", ""), step.get("sentence", done.stderr))


def main() -> int:
    """Print the table; return the exit code."""
    languages = list(LANGUAGES)
    with sandbox([]) as running:
        results, noise = asyncio.run(_results(running, languages))
    for connection in dict.fromkeys(result.connection.name for result in results):
        print(f"\n### {connection}\n\n| | error | seconds |\n|---|---|---|")
        for result in results:
            if result.connection.name == connection:
                text = re.sub(r" \(request [0-9a-f-]+\)", "", result.text)
                print(f"| {result.language} | {text} | {f'{result.seconds:.2f}' if result.seconds else ''} |")
    wrong = [f"{each.language}: {each.connection.name}: {each.why()}" for each in results if each.why()]
    wrong += [f"{language}: {text}" for language, text in noise.items() if text]
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
