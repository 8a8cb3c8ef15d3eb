"""The command line as users run it: a `keyway-gateway …` process, its output, and its exit code."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from gateway.demo import DEMO_PROVIDERS
from tests.support.stack import Stack

READY = "keyway: serving on "
_START_SECONDS = 30.0
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a process."""

    code: int
    output: str
    errors: str

    def log(self) -> list[dict[str, Any]]:
        """Return the log entries. Raise an error if a line is not a JSON object."""
        lines = [json.loads(line) for line in self.errors.splitlines()]
        assert all(isinstance(line, dict) for line in lines)
        return lines


class Process:
    """A `keyway-gateway` process in `folder`: `async with Process(folder, "serve") as process: …`.

    The end of the block kills it if it still runs. `lines`: its output so far.
    """

    def __init__(self, folder: Path, *arguments: object, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._arguments = [str(argument) for argument in arguments]
        self._environment = dict(environment or {})
        self._printed = asyncio.Condition()
        self.lines: list[str] = []
        self._error_lines: list[str] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "gateway", *self._arguments),
            cwd=self._folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "TMPDIR": str(self._folder),
                **self._environment,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = asyncio.gather(
            self._read(self._process.stdout, self.lines), self._read(self._process.stderr, self._error_lines)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._readers

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        async for line in stream:
            async with self._printed:
                lines.append(line.decode().rstrip("\n"))
                self._printed.notify_all()
        async with self._printed:
            self._printed.notify_all()

    async def _line(self, lines: Sequence[str], fits: Callable[[str], bool]) -> str:
        """Wait for a matching line, and return the first one."""
        stream = self._process.stdout if lines is self.lines else self._process.stderr
        assert stream is not None
        async with asyncio.timeout(_START_SECONDS), self._printed:
            await self._printed.wait_for(lambda: any(map(fits, lines)) or stream.at_eof())
        for line in lines:
            if fits(line):
                return line
        raise AssertionError(f"the process ended without printing the line: {await self.ended()}")

    async def line(self, start: str) -> str:
        """Wait for a line of its output that begins with `start`, and return it."""
        return await self._line(self.lines, lambda line: line.startswith(start))

    async def lines_after(self, start: str, count: int) -> list[str]:
        """Wait for `count` lines of its output after the line that begins with `start`, and return them."""
        first = self.lines.index(await self.line(start)) + 1
        stream = self._process.stdout
        assert stream is not None
        async with asyncio.timeout(_START_SECONDS), self._printed:
            await self._printed.wait_for(lambda: len(self.lines) >= first + count or stream.at_eof())
        assert len(self.lines) >= first + count, f"the process ended early: {await self.ended()}"
        return self.lines[first : first + count]

    async def logged(self, event: str) -> Mapping[str, Any]:
        """Wait for a log entry with this event, and return the first one."""
        entry: Mapping[str, Any] = json.loads(await self._line(self._error_lines, lambda line: f'"{event}"' in line))
        return entry

    def events(self) -> list[str]:
        """Return the events in the log so far."""
        return [json.loads(line)["event"] for line in self._error_lines if line.startswith("{")]

    async def address(self) -> str:
        """Wait until the gateway serves, and return its HOST:PORT."""
        return (await self.line(READY)).removeprefix(READY)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def descriptors(self) -> int:
        """The number of its open files and sockets."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    @property
    def command_lines(self) -> Sequence[bytes]:
        """The command lines of the process and its children, which every user of the machine can read."""
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (own, *children)]

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    async def ended(self) -> Ended:
        """Wait until the process ends."""
        async with asyncio.timeout(_END_SECONDS):
            code = await self._process.wait()
            await self._readers
        return Ended(code, *("".join(f"{line}\n" for line in lines) for lines in (self.lines, self._error_lines)))

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Send a signal and wait until the process ends."""
        self.send(number)
        return await self.ended()


async def run(folder: Path, *arguments: object, environment: Mapping[str, str] | None = None) -> Ended:
    """Run one command to its end."""
    async with Process(folder, *arguments, environment=environment) as process:
        return await process.ended()


def write_config(path: Path, stack: Stack, providers: Sequence[Mapping[str, Any]] = (), **options: Any) -> Path:
    """Write a configuration file over the emulators of the stack, by default with the demo providers."""
    chosen = list(providers) or [stack.provider(provider["id"]) for provider in DEMO_PROVIDERS]
    tree = {"listen": "127.0.0.1:0", "drain_delay": 0, "providers": chosen, **options}
    path.write_text(yaml.safe_dump(tree))
    return path
