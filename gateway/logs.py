"""Structured logs on standard error: one JSON object per line, or colored text for a console.

Log events have `snake_case` names, and the cause of a problem is in the field `error`. Messages of the contract are
never logged, because some of their fields are secret.
"""

import logging
import sys
from typing import Final, Protocol

import structlog
from structlog.typing import EventDict

from gateway import library_logs, log_fields


class LogChoice(Protocol):
    """The log settings."""

    @property
    def level(self) -> str:
        """`debug`, `info`, `warning` or `error`."""

    @property
    def format(self) -> str:
        """`json` or `console`."""


_LIBRARIES: Final = ("aiohttp", "asyncio", "grpc")
"""Libraries that log only warnings and errors: lower levels are noise, and can contain secrets."""


def configure(settings: LogChoice, **about: object) -> None:
    """Configure structlog, and route the loggers of the libraries (aiohttp, asyncio, grpc) through it.

    about: fields of every line, such as the number of the worker.
    """

    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {**about, **event}

    shared: list[structlog.typing.Processor] = [
        *([add] if about else []),
        log_fields.merge,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Tracebacks have no local variables, because they can contain secrets.
    json = settings.format == "json"
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if json
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    handler.addFilter(lambda record: not library_logs.is_of_library(record))
    root.handlers[:] = [handler, library_logs.LibraryLogs()]
    root.setLevel(settings.level.upper())
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    library_logs.log_printed_tracebacks()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
