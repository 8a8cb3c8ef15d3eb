"""Commands, signals, and HTTP requests that check or reload a server."""

import asyncio
import base64
import contextlib
import http.client
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from keyway.agent.material import MaterialError
from keyway.agent.outputs import first_line

_TEXT_BYTES: Final = 400
_OWN_VARIABLES: Final = "KEYWAY_"
_READING: Final[set[asyncio.Task[None]]] = set()
"""The tasks that read the output of commands, because asyncio keeps no reference to them."""


class ActionError(Exception):
    """A check or a reload that failed."""


class Action(Protocol):
    """Something that the agent does to a server."""

    async def run(self) -> None:
        """Do it. Raises ActionError."""


@dataclass(frozen=True, slots=True)
class CommandAction:
    """Run a program, without a shell. seconds: after this time, it is killed."""

    command: tuple[str, ...]
    seconds: float

    async def run(self) -> None:
        """Run the program. It fails with an exit code other than 0."""
        program = Path(self.command[0]).name
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)}
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            os.close(reading)
            raise ActionError(f"cannot start {self.command[0]}: {error.strerror}") from error
        finally:
            os.close(writing)
        try:
            async with asyncio.timeout(self.seconds):
                output = await _ended(process, reading)
        except TimeoutError:
            raise ActionError(f"{program} did not end within {self.seconds:g} s") from None
        finally:
            # Also the programs that it started, which can outlive it only if they leave its session.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode != 0:
            raise ActionError(f"{program} failed with exit code {process.returncode}: {_last_line(output)}")


async def _ended(process: asyncio.subprocess.Process, pipe: int) -> bytes:
    """Return the end of the output, as soon as the process has ended. pipe: is closed at its end.

    A program that continues in the background can keep the pipe open, and a closed pipe would end this program at its
    next output. Therefore, the pipe is read until its end. It does not belong to asyncio's process, whose `wait` can
    wait until the pipe is closed, too.
    """
    kept = bytearray()
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(pipe, "rb", 0)
    )

    async def read() -> None:
        try:
            while data := await stream.read(4096):
                kept.extend(data)
                del kept[:-4096]
        finally:
            transport.close()

    reading = asyncio.create_task(read())
    _READING.add(reading)
    reading.add_done_callback(_READING.discard)
    await process.wait()
    await asyncio.wait([reading], timeout=0.1)
    return bytes(kept)


def _last_line(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return "".join(each if each.isprintable() else "?" for each in " / ".join(lines[-2:])[-_TEXT_BYTES:]) or "no output"


@dataclass(frozen=True, slots=True)
class SignalAction:
    """Send a signal to the process in a PID file."""

    number: signal.Signals
    pid_file: Path

    async def run(self) -> None:
        """Send the signal."""
        try:
            os.kill(_process_id(self.pid_file.read_text()), self.number)
        except (ValueError, OverflowError):
            raise ActionError(f"{self.pid_file} does not contain a process ID") from None
        except ProcessLookupError:
            raise ActionError(f"the process in {self.pid_file} does not run") from None
        except OSError as error:
            raise ActionError(f"cannot send {self.number.name} to {self.pid_file}: {error.strerror}") from error


def _process_id(text: str) -> int:
    """Return the number. Raises ValueError for a number that names no single server."""
    if (found := int(text)) <= 1:
        raise ValueError(found)
    return found


@dataclass(frozen=True, slots=True)
class HttpAction:
    """Send an HTTP request to a server. Every status except 2xx is a failure; redirects are not followed.

    username, password_file: for basic authentication.
    """

    url: str
    method: str
    username: str | None
    password_file: Path | None
    seconds: float

    async def run(self) -> None:
        """Send the request."""
        try:
            status, body = await asyncio.to_thread(self._response)
        except (OSError, UnicodeError, http.client.HTTPException, MaterialError) as error:
            raise ActionError(f"{self.method} {self._shown()} failed: {str(error) or type(error).__name__}") from error
        # The manager of Tomcat reports failures with the status 200.
        if not 200 <= status < 300 or body.startswith(b"FAIL"):
            raise ActionError(f"{self.method} {self._shown()} returned {status}: {_last_line(body)}")

    def _response(self) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.seconds)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(self.method, target, headers=self._headers())
            response = connection.getresponse()
            return response.status, response.read(4096)
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        if self.username is None or self.password_file is None:
            return {}
        credentials = self.username.encode() + b":" + first_line(self.password_file)
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}

    def _shown(self) -> str:
        """Return the URL without its query, which can contain secrets."""
        return self.url.partition("?")[0]
