"""The reasons of failures, as status, log, and metrics show them."""

from enum import Enum


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


class InstallError(Exception):
    """An installation that failed."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def text_of(error: OSError) -> str:
    """Return the text of an error with its path."""
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename else text
