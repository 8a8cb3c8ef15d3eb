"""Access to the documentation pages for tests: their text, code blocks, and links."""

import asyncio
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADDRESS = "127.0.0.1:50051"
"""The address of the gateway in the printed commands and programs."""


def page(name: str) -> str:
    """Return the text of a page, by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Return the code blocks of one language in a page, in order."""
    return re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL)


async def run(*command: str) -> str:
    """Run a command in the root folder and return its standard output. Fails if it exits with an error."""
    environment = os.environ | {"PATH": f"{Path(sys.prefix, 'bin')}:{os.environ['PATH']}"}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def example(name: str, **addresses: str) -> str:
    """Run a Python example and return its output. `at_50051="HOST:PORT"` replaces 127.0.0.1:50051 in the program."""
    path = ROOT / "clients/python/examples" / name
    program = path.read_text(encoding="utf-8")
    for port, address in addresses.items():
        printed = f"127.0.0.1:{port.removeprefix('at_')}"
        assert printed in program
        program = program.replace(printed, address)
    # Compiled separately, so that the program can start with `from __future__` and find its own file.
    command = f"__file__ = {str(path)!r}\nexec(compile({program!r}, __file__, 'exec'))"
    return await run(sys.executable, "-c", command)
