"""Check of the first calls in docs/getting-started.md: they equal the example programs, and these run."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.clients.languages import LANGUAGES, ROOT

PAGE = "docs/getting-started.md"
OUTPUT = "order 42 with version 2"


@contextlib.contextmanager
def gateway() -> Iterator[None]:
    """The gateway of `make run`, at the address in the printed programs, with its state in memory."""
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
        process.stdout.readline()  # the gateway is ready; or the gateway of `make run` already has the port
        yield
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def judged(language: str) -> str:
    """Return why the printed first call of a language is wrong; empty if it is right."""
    client = LANGUAGES[language]
    printed = re.findall(rf"```{language}\n(.*?)```", (ROOT / PAGE).read_text(encoding="utf-8"), re.DOTALL)
    if len(printed) != 1 or printed[0] not in (client.path / client.example).read_text(encoding="utf-8"):
        return f"{PAGE} does not print clients/{client.folder}/{client.example}"
    done = subprocess.run(
        client.example_command,
        cwd=client.path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0 or done.stdout.strip() != OUTPUT:
        return f"printed {done.stdout.strip()!r} instead of {OUTPUT!r}: {done.stderr[-400:]}"
    return ""
