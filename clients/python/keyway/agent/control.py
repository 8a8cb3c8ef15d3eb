"""The control socket of the agent, for `keyway agent status` and `keyway agent rotate`: one line of JSON each way.

Only the user of the agent, and root, can connect.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

_FILE: Final = "control.sock"
_LONGEST_LINE: Final = 1 << 20
_SECONDS: Final = 600.0

Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class ControlError(Exception):
    """A command that the agent rejected, or that failed."""


class NotRunningError(ControlError):
    """No agent runs with this state directory."""


@contextlib.asynccontextmanager
async def control_server(directory: Path, handler: Handler) -> AsyncIterator[None]:
    """Serve the socket. handler: returns the result of a request, or raises ControlError. Raises OSError."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            answer = await _answer(await reader.readline(), handler)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()

    with _bound(directory) as listener:
        server = await asyncio.start_unix_server(serve, sock=listener, limit=_LONGEST_LINE)
        async with server:
            yield


@contextlib.contextmanager
def _bound(directory: Path) -> Any:
    path = directory / _FILE
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(directory) as folder:
            listener.bind(f"{folder}/{_FILE}")
        path.chmod(0o600)
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _short(directory: Path) -> Any:
    """Yield another path of the directory, because the path of a socket has at most 107 bytes."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


async def _answer(line: bytes, handler: Handler) -> Mapping[str, Any]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            return {"error": "the request is not a JSON object"}
        return {"result": await handler(request)}
    except ValueError:
        return {"error": "the request is not JSON"}
    except ControlError as error:
        return {"error": str(error)}


def ask(directory: Path, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send a request to the running agent; return the result. Raises ControlError, or OSError without permission."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with connection:
        connection.settimeout(_SECONDS)
        try:
            with _short(directory) as folder:
                connection.connect(f"{folder}/{_FILE}")
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError(f"no agent runs with the state directory {directory}") from None
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as stream:
            line = stream.readline()
    if not line:
        raise NotRunningError("the agent stopped before it answered")
    answer: Mapping[str, Any] = json.loads(line)
    if "error" in answer:
        raise ControlError(answer["error"])
    result: Mapping[str, Any] = answer["result"]
    return result
