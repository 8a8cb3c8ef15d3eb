"""The first calls that docs/getting-started.md prints: that they are the examples, and that those run as they are."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.clients.languages import LANGUAGES, ROOT

PAGE = "docs/getting-started.md"
SAYS = "order 42 with version 2"


@contextlib.contextmanager
def gateway() -> Iterator[None]:
    """A gateway where the printed programs look for one: that of `make run`, with its state in memory."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--ephemeral"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()  # it serves; or another one has the port, from `make run`, and serves as well
        yield
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def judged(language: str) -> str:
    """Why the printed first call of a language is not what it should be; empty where it is."""
    tongue = LANGUAGES[language]
    printed = re.findall(rf"```{language}\n(.*?)```", (ROOT / PAGE).read_text(encoding="utf-8"), re.DOTALL)
    if len(printed) != 1 or printed[0] not in (tongue.path / tongue.example).read_text(encoding="utf-8"):
        return f"{PAGE} does not print clients/{tongue.folder}/{tongue.example}"
    done = subprocess.run(
        tongue.example_command,
        cwd=tongue.path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0 or done.stdout.strip() != SAYS:
        return f"printed {done.stdout.strip()!r} instead of {SAYS!r}: {done.stderr[-400:]}"
    return ""
