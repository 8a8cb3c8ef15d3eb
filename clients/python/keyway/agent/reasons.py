"""The reasons of failures, as status, log, and metrics show them."""

import traceback
from enum import Enum
from pathlib import Path


class FailureReason(Enum):
    """Why a certificate was not read or not installed. The value is the label of the metric."""

    GATEWAY = "gateway"
    """The gateway or the provider does not deliver the certificate."""
    CERTIFICATE = "certificate"
    """The pair, the chain, the dates, or the host names are wrong."""
    WRITE = "write"
    """The files cannot be written, for example because the disk is full."""
    PERMISSIONS = "permissions"
    """The mode, the owner, or the group of the installed files cannot be set."""
    CHECK = "check"
    """The check command failed, and the previous version is current again."""
    RELOAD = "reload"
    """The reload failed, and the previous version is current again."""
    VERIFY = "verify"
    """The server does not serve the new certificate, and the previous version is current again."""
    ROLLBACK = "rollback"
    """The server could not be returned to the previous version. Its files are current again."""
    INTERNAL = "internal"
    """A bug in the agent. It affects only this certificate."""


class InstallError(Exception):
    """An installation that failed."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def place_of(error: Exception) -> str:
    """Return the type and the place of an unexpected error, without its text, which can contain secrets."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"unexpected {type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


def text_of(error: OSError) -> str:
    """Return the text of an error with its path."""
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename else text
