"""The log configuration of the gateway, for the duration of a block."""

import contextlib
import logging
from collections.abc import Iterator

import structlog

from gateway import logs
from gateway.gateway_settings import LogSettings


@contextlib.contextmanager
def configured_log(level: str = "info") -> Iterator[None]:
    """Configure JSON logging as `serve` does, and restore the previous configuration afterwards."""
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, before = root.handlers[:], root.level
    logs.configure(LogSettings.model_validate({"level": level, "format": "json"}))
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, before
        logging.captureWarnings(False)
        structlog.configure(**configuration)
