"""Rate-limited log lines for errors of the SDK and its exporters.

While a collector is down, the exporters log every attempt. This module reduces that to one line per minute.
"""

import logging
import threading
import time
from typing import Final

import structlog

from gateway.redaction import DEFAULT_REDACTION

PAUSE_SECONDS: Final = 60.0

_SDK: Final = "opentelemetry"
_SIGNALS: Final = ("traces", "metrics", "logs")
_IGNORED_MESSAGES: Final = ("Transient error", "Exporter already shutdown")
_log = structlog.get_logger(__name__)


class ExportErrors(logging.Handler):
    """Replaces the handlers of the SDK's loggers from `install` to `remove`. endpoint: of the collector."""

    def __init__(self, endpoint: str = "") -> None:
        super().__init__(logging.WARNING)
        self._known = (*_SIGNALS, endpoint, endpoint.rpartition("/")[2])
        self._guard = threading.Lock()
        self._logged_at: float | None = None
        self._suppressed = 0

    def install(self) -> None:
        """Route the loggers of the SDK only to this handler."""
        logger = logging.getLogger(_SDK)
        logger.addHandler(self)
        logger.propagate = False

    def remove(self) -> None:
        """Restore propagation, unless another handler is installed."""
        logger = logging.getLogger(_SDK)
        logger.removeHandler(self)
        logger.propagate = not logger.handlers

    def emit(self, record: logging.LogRecord) -> None:
        """Log a line, or count it for the next one. Ignore messages about retries and shutdown."""
        if str(record.msg).startswith(_IGNORED_MESSAGES):
            return
        with self._guard:
            now = time.monotonic()
            if self._logged_at is not None and now - self._logged_at < PAUSE_SECONDS:
                self._suppressed += 1
                return
            self._logged_at, suppressed, self._suppressed = now, self._suppressed, 0
        problem = self._message(record)
        if record.exc_info and record.exc_info[0] is not None:  # exc_info can be False
            problem = f"{problem} ({record.exc_info[0].__qualname__})"
        _log.warning("telemetry_export_failed", error=problem, suppressed=suppressed, effect="some telemetry is lost")

    def _message(self, record: logging.LogRecord) -> str:
        """Return the message of a record. Text of the collector in it is replaced, because it can repeat the token."""
        if not isinstance(record.args, tuple):
            return str(record.msg)
        values = (
            DEFAULT_REDACTION.placeholder(value) if isinstance(value, str) and value not in self._known else value
            for value in record.args
        )
        return str(record.msg) % tuple(values)
