"""Conformance suite of the clients: builds, tests, common cases, and exchange of envelopes.

    python -m tests.clients.conformance [--only go --only java] [--skip build --skip test] [--case NAME]

It fails if a check fails, or has no result, in any language.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.clients import cases, connections, envelopes, outside, snippets
from tests.clients.languages import LANGUAGES
from tests.clients.running import Sandbox, sandbox

STEPS = ("build", "snippets", "outside", "test", "cases", "matrix", "tampering", "connections")


class Results:
    """The results: one row per check, in the order of their first appearance, and one column per language."""

    def __init__(self, languages: list[str]) -> None:
        self.languages = languages
        self.rows: dict[str, dict[str, str]] = {}
        self.groups: dict[str, str] = {}

    def add(self, group: str, name: str, language: str, why: str) -> None:
        """Add a result. why: the reason of a failure, or empty."""
        row = f"{group}: {name}" if group != "cases" else name
        self.groups.setdefault(row, group)
        self.rows.setdefault(row, {})[language] = why

    def failures(self) -> list[tuple[str, str, str]]:
        """Return the failed and the missing results."""
        found = []
        for row, results in self.rows.items():
            for language in self.languages:
                if why := results.get(language, "no result"):
                    found.append((row, language, why))
        return found

    def print(self) -> None:
        """Print the results as a table."""
        color = sys.stdout.isatty()
        marks = {True: "\033[32mpass\033[0m" if color else "pass", False: "\033[31mFAIL\033[0m" if color else "FAIL"}
        width = max(map(len, self.rows), default=0)
        print(f"\n{'':{width}}  " + "  ".join(f"{language:10}" for language in self.languages))
        group = ""
        for row, results in self.rows.items():
            if self.groups[row] != group:
                group = self.groups[row]
                print("-" * (width + 2 + 12 * len(self.languages)))
            passed = [results.get(language, "no result") == "" for language in self.languages]
            print(f"{row:{width}}  " + "  ".join(marks[each] + " " * 6 for each in passed).rstrip())


def main(arguments: list[str] | None = None) -> int:
    """Run the suite; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=LANGUAGES, metavar="LANGUAGE", help=", ".join(LANGUAGES))
    parser.add_argument("--skip", action="append", choices=STEPS, default=[], metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--case", action="append", metavar="NAME", help="only this case")
    options = parser.parse_args(arguments)
    languages = options.only or list(LANGUAGES)
    results = Results(languages)
    steps = [step for step in STEPS if step not in options.skip]
    ready = [language for language in languages if _is_built(language, steps, results)]
    if "snippets" in steps and ready:
        _run_snippets(ready, results)
    chosen = [case for case in cases.load() if not options.case or case["name"] in options.case]
    with sandbox(chosen) as running:
        if "outside" in steps:
            for name, language, why in outside.checked(ready, running.ready["plain"]):
                _say(language, name)
                results.add("build", name, language, why)
        if "test" in steps:
            for language in ready:
                _say(language, "tests of the client")
                why = _commands(LANGUAGES[language].test_folder, LANGUAGES[language].test, running.environment)
                results.add("build", "tests of the client", language, why)
        if "cases" in steps:
            for language in ready:
                _run_cases(running, language, [case["name"] for case in chosen], results)
        _exchange(running, ready, steps, results)
        if "connections" in steps and ready:
            _break_connections(running, ready, results)
    results.print()
    failures = results.failures()
    for row, language, why in failures:
        print(f"\n{language}: {row}: {why}", file=sys.stderr)
    total = len(results.rows) * len(languages)
    print(f"\n{total - len(failures)} of {total} passed")
    return 1 if failures else 0


def _is_built(language: str, steps: list[str], results: Results) -> bool:
    """Build a client; return whether it can run."""
    if not LANGUAGES[language].path.is_dir():
        results.add("build", "exists", language, f"clients/{LANGUAGES[language].folder} is missing")
        return False
    if "build" not in steps:
        return True
    _say(language, "build")
    why = _commands(LANGUAGES[language].path, LANGUAGES[language].build, {})
    results.add("build", "builds", language, why)
    return not why


def _run_snippets(languages: list[str], results: Results) -> None:
    _say("all", "first calls of docs/getting-started.md")
    with snippets.gateway():
        for language in languages:
            results.add("build", "printed first call", language, snippets.judged(language))


def _commands(folder: Path, commands: Iterable[tuple[str, ...]], environment: dict[str, str]) -> str:
    """Run commands in a folder; return the end of the output of the first that fails."""
    settings = {**os.environ, **environment, "KEYWAY_PYTHON": sys.executable}
    for command in commands:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=settings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        if done.returncode != 0:
            return f"{' '.join(command)} failed:\n{done.stdout.decode(errors='replace')[-4000:]}"
    return ""


def _run_cases(running: Sandbox, language: str, names: list[str], results: Results) -> None:
    _say(language, f"{len(names)} cases")
    running.reset()
    try:
        done = running.run(LANGUAGES[language])
        output, complaint = done.stdout, done.stderr.decode(errors="replace")[-400:]
    except (OSError, subprocess.TimeoutExpired) as error:
        output, complaint = b"", str(error)
    answers = {}
    for line in output.splitlines():
        answer = json.loads(line)
        answers[answer["case"]] = "" if answer["passed"] is True else answer.get("why") or "failed"
    for name in names:
        results.add("cases", name, language, answers.get(name, f"no result {complaint}".strip()))


def _exchange(running: Sandbox, languages: list[str], steps: list[str], results: Results) -> None:
    if "matrix" in steps and languages:
        _say("all", "exchange of envelopes")
        for name, language, why in envelopes.matrix(running, languages):
            results.add("seal, open", name, language, why)
    if "tampering" in steps and languages:
        _say("all", "modified envelopes")
        try:
            for name, language, why in envelopes.tampering(running, languages, languages[0]):
                results.add("tampering", name, language, why)
        except envelopes.Refused as refusal:
            results.add("tampering", "creates an envelope", languages[0], str(refusal))


def _break_connections(running: Sandbox, languages: list[str], results: Results) -> None:
    _say("all", "broken connections")
    doctor = []
    for name, language, why in connections.checked(running, languages):
        if language == connections.DOCTOR:
            doctor.append((name, why))
        else:
            results.add("connection", name, language, why)
    # The command line is a part of the Python client; the check of its errors counts for all languages.
    why = "; ".join(f"{name}: {why}" for name, why in doctor if why)
    for language in languages:
        results.add("connection", "keyway doctor", language, why)


_STARTED = time.monotonic()


def _say(language: str, what: str) -> None:
    print(f"[{time.monotonic() - _STARTED:4.0f} s] {language}: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
