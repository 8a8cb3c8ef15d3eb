"""What the SDK and its exporters complain about, in the gateway's own words and not too often.

A collector that is down makes them log at every attempt; one line a minute says as much.
"""

import logging
import threading
import time
from typing import Final

import structlog

PAUSE_SECONDS: Final = 60.0

_SDK: Final = "opentelemetry"
_NO_NEWS: Final = ("Transient error", "Exporter already shutdown")
_log = structlog.get_logger(__name__)


class Complaints(logging.Handler):
    """Takes the place of the SDK's way to the log, from `install` to `remove`."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._guard = threading.Lock()
        self._said: float | None = None
        self._unsaid = 0

    def install(self) -> None:
        """The SDK's loggers pass to this one alone."""
        logger = logging.getLogger(_SDK)
        logger.addHandler(self)
        logger.propagate = False

    def remove(self) -> None:
        """As it was before, unless there is another one."""
        logger = logging.getLogger(_SDK)
        logger.removeHandler(self)
        logger.propagate = not logger.handlers

    def emit(self, record: logging.LogRecord) -> None:
        """A line, or one more to be counted in the next; nothing where it is about to be tried again, or at an end."""
        if str(record.msg).startswith(_NO_NEWS):
            return
        with self._guard:
            now = time.monotonic()
            if self._said is not None and now - self._said < PAUSE_SECONDS:
                self._unsaid += 1
                return
            self._said, unsaid, self._unsaid = now, self._unsaid, 0
        problem = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:  # False, where the SDK says so
            problem = f"{problem} ({record.exc_info[0].__qualname__})"
        _log.warning("telemetry can't be exported, and some is lost", problem=problem, unsaid=unsaid)
