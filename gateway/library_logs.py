"""Log lines of libraries, rewritten so that they contain no input of a peer, and limited in rate.

Libraries format what a peer sent into their messages: gRPC logs metadata that is not valid UTF-8, such as a bearer
token, and asyncio logs objects of a failed task. Of such a line, the log keeps what the source code of the library
contains: the message without its values, the types of the exceptions, and the places in the code.
"""

import logging
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final

import structlog

_OWN: Final = "gateway"
_SECONDS_BETWEEN_LINES: Final = 1.0
_MAXIMUM_MESSAGES: Final = 256
_FRAMES: Final = 8
_WARNINGS: Final = "py.warnings"
_WARNING: Final = re.compile(r"[^\n]*?:[0-9]+: [A-Za-z]+(?=:)")
"""The place and the category of a Python warning, without its text."""

_KNOWN_MESSAGES: Final = (
    # grpc, which formats the method's name into the message itself
    "Abort error unexpectedly suppressed",
    "Aborting method",
    "Error in callback for method",
    "Exception deserializing message!",
    "Exception not handled by _handle_exceptions in servicer method",
    "Failed sending error status from server",
    "Unexpected",
    "Exception printed",
    # asyncio, which appends a description of the objects
    "Accept failed on a socket",
    "Error on transport creation for incoming connection",
    "Exception in callback",
    "Fatal error",
    "Fatal read error",
    "Fatal write error",
    "Future exception was never retrieved",
    "SSL handshake failed",
    "Task exception was never retrieved",
    "Task was destroyed but it is pending!",
    "Unhandled exception in event loop",
    "an error occurred during closing of asynchronous generator",
    "socket.accept() out of system resource",
    "socket.send() raised exception.",
    "unhandled exception during asyncio.run() shutdown",
    # aiohttp
    "Error handling request",
    "Unclosed client session",
    "Unclosed connection",
    "Unclosed connector",
    "Unclosed response",
    "Unhandled exception",
    "Unhandled runtime exception",
)
"""The constant beginnings of messages that a library formats before it logs them."""

_CALLER_DISCONNECTED: Final = "ExecuteBatchError raised in core by"
"""gRPC logs this as an error when a caller disconnects before its response. The audit record has the call."""

_print_exc: Final = traceback.print_exc
_log = structlog.get_logger(__name__)


def is_of_library(record: logging.LogRecord) -> bool:
    """Return whether a library logged the record, not the gateway."""
    return record.name != _OWN and not record.name.startswith(f"{_OWN}.")


def log_printed_tracebacks() -> None:
    """Log the tracebacks that libraries print to standard error, as gRPC does if a peer leaves after an error."""
    traceback.print_exc = _log_printed_traceback


def _log_printed_traceback(limit: int | None = None, file: Any = None, chain: bool = True) -> None:
    if file is None:
        logging.getLogger("traceback").error("Exception printed", exc_info=True)
    else:
        _print_exc(limit, file, chain)


class LibraryLogs(logging.Handler):
    """A logging handler that logs each record of a library again, as the event `library_log` of the gateway.

    clock: returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.addFilter(is_of_library)
        self._clock = clock
        self._guard = threading.Lock()
        self._limits: dict[tuple[str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record, or count it for the next line with the same message."""
        if str(record.msg).startswith(_CALLER_DISCONNECTED):
            return
        message = _constant_part(record)
        if (suppressed := self._admit((record.name, message))) is None:
            return
        fields = {"message": message, **exception_fields(record.exc_info[1] if record.exc_info else None)}
        if suppressed:
            fields["suppressed"] = suppressed
        _log.log(record.levelno, "library_log", library=record.name, **fields)

    def _admit(self, key: tuple[str, str]) -> int | None:
        """Return the number of earlier records that were not logged; None if this one must not be logged."""
        with self._guard:
            now = self._clock()
            if key not in self._limits and len(self._limits) >= _MAXIMUM_MESSAGES:
                key = ("", "")
            next_at, suppressed = self._limits.get(key, (now, 0))
            if now < next_at:
                self._limits[key] = (next_at, suppressed + 1)
                return None
            self._limits[key] = (now + _SECONDS_BETWEEN_LINES, 0)
            return suppressed


def _constant_part(record: logging.LogRecord) -> str:
    """Return the part of the message that is constant in the code of the library; an empty text if unknown."""
    if record.name == _WARNINGS:
        found = _WARNING.match(record.getMessage())
        return found[0] if found is not None else ""
    text = record.msg if isinstance(record.msg, str) else ""
    if record.args:
        return text
    return next((known for known in _KNOWN_MESSAGES if text.startswith(known)), "")


def exception_fields(error: BaseException | None) -> dict[str, object]:
    """Return the types of the exception and its causes, and where it was raised. Its text can contain peer input."""
    if error is None:
        return {}
    types = " from ".join(type(each).__qualname__ for each in _chain(error))
    return {"error": types, "frames": _frames(error.__traceback__)}


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        yield current
        seen.add(id(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _frames(trace: TracebackType | None) -> list[str]:
    """Return the innermost frames, without source lines and local variables."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-_FRAMES:]]
