"""The command line as users run it: `python -m gateway …` as a process of its own, its output and its end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from gateway import app
from tests.support.stack import Stack

READY = "keyway: serving on "
_START_SECONDS = 30.0
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a process."""

    code: int
    output: str
    errors: str

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log; raises where one of them is not a JSON object."""
        lines = [json.loads(line) for line in self.errors.splitlines()]
        assert all(isinstance(line, dict) for line in lines)
        return lines


class Process:
    """`python -m gateway` with these arguments, in `folder`: `async with Process(folder, "serve") as process: …`.

    At the end of the block it is killed where it still runs. `lines`: what it has printed so far.
    """

    def __init__(self, folder: Path, *arguments: object, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._arguments = [str(argument) for argument in arguments]
        self._environment = dict(environment or {})
        self._printed = asyncio.Condition()
        self.lines: list[str] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "gateway", *self._arguments),
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder), **self._environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        self._reading = asyncio.create_task(self._read())
        self._reading_errors = asyncio.create_task(self._process.stderr.read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await asyncio.gather(self._reading, self._reading_errors)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._printed:
                self.lines.append(line.decode().rstrip("\n"))
                self._printed.notify_all()
        async with self._printed:
            self._printed.notify_all()

    async def line(self, start: str) -> str:
        """The line that begins with `start`, once it is printed."""

        def found() -> list[str]:
            return [line for line in self.lines if line.startswith(start)]

        async with asyncio.timeout(_START_SECONDS), self._printed:
            await self._printed.wait_for(lambda: found() or self._process.stdout.at_eof())  # type: ignore[union-attr]
        if not found():
            raise AssertionError(f"it ended without printing {start!r}: {await self.ended()}")
        return found()[0]

    async def address(self) -> str:
        """HOST:PORT of the gateway, once it serves."""
        return (await self.line(READY)).removeprefix(READY)

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    async def ended(self) -> Ended:
        """Wait for its end."""
        async with asyncio.timeout(_END_SECONDS):
            code = await self._process.wait()
            await self._reading
            errors = await self._reading_errors
        return Ended(code, "".join(f"{line}\n" for line in self.lines), errors.decode())

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Send a signal, and wait for the end."""
        self.send(number)
        return await self.ended()


async def run(folder: Path, *arguments: object, environment: Mapping[str, str] | None = None) -> Ended:
    """One command, from its start to its end."""
    async with Process(folder, *arguments, environment=environment) as process:
        return await process.ended()


def write_config(path: Path, stack: Stack, providers: Sequence[Mapping[str, Any]] = (), **options: Any) -> Path:
    """A configuration file over the stack's emulators; without providers, with those of the demonstration."""
    chosen = list(providers) or [stack.provider(provider["id"]) for provider in app.DEMO_PROVIDERS]
    tree = {"listen": "127.0.0.1:0", "drain_delay": 0, "providers": chosen, **options}
    path.write_text(yaml.safe_dump(tree))
    return path
