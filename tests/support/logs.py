"""The gateway's own set-up of the log, for as long as a test wants it."""

import contextlib
import logging
from collections.abc import Iterator

import structlog

from gateway import logs
from gateway.gateway_settings import LogSettings


@contextlib.contextmanager
def configured_log(level: str = "info") -> Iterator[None]:
    """As `serve` sets it up, in JSON; afterwards as it was."""
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, before = root.handlers[:], root.level
    logs.configure(LogSettings.model_validate({"level": level, "format": "json"}))
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, before
        logging.captureWarnings(False)
        structlog.configure(**configuration)
