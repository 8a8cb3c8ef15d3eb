"""The log configuration of the gateway, for the duration of a block."""

import contextlib
import logging
import traceback
from collections.abc import Iterator

import structlog

from gateway import logs
from gateway.gateway_settings import LogSettings


@contextlib.contextmanager
def configured_log(level: str = "info") -> Iterator[None]:
    """Configure JSON logging as `serve` does, and restore the previous configuration afterwards."""
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, before, print_exc = root.handlers[:], root.level, traceback.print_exc
    logs.configure(LogSettings.model_validate({"level": level, "format": "json"}))
    try:
        yield
    finally:
        root.handlers[:], root.level = handlers, before
        logging.captureWarnings(False)
        traceback.print_exc = print_exc
        structlog.configure(**configuration)
