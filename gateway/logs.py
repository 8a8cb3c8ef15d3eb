"""Structured logs to standard error: one JSON object a line, or coloured text for people.

Only what is passed as fields is logged; messages of the contract never are, since some of their fields are secret.
"""

import logging
import sys
from typing import Final, Protocol

import structlog
from structlog.typing import EventDict

from gateway import log_fields


class LogChoice(Protocol):
    """What the configuration says about the log."""

    @property
    def level(self) -> str:
        """`debug`, `info`, `warning` or `error`."""

    @property
    def format(self) -> str:
        """`json` or `console`."""


_NOT_OURS: Final = ("aiohttp", "asyncio", "grpc")
"""Their warnings are worth a line; what they say below that is not, nor is it known to hold no secret."""


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """gRPC takes it for an error that a caller was gone when its answer came. The call itself is on record."""
    return not (isinstance(record.msg, str) and record.msg.startswith("ExecuteBatchError raised in core by"))


def configure(settings: LogChoice, **about: object) -> None:
    """Set up structlog, and route the standard library's loggers (of aiohttp, asyncio, grpc) through it.

    about: stands in every line, such as which process wrote it.
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
    # Tracebacks without local variables: those can hold secrets.
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
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in _NOT_OURS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    answering = logging.getLogger("grpc._cython.cygrpc")
    if _is_worth_a_line not in answering.filters:
        answering.addFilter(_is_worth_a_line)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
