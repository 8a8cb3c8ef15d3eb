"""Why a caller is not taken for who it says it is: a word for the caller, and the reason for operators."""

from enum import StrEnum


class Fault(StrEnum):
    """All that a caller is told. Which of a token's checks failed is nobody's business who can't mend it."""

    NO_TOKEN = "no bearer token was sent"  # noqa: S105 - no password
    MALFORMED_TOKEN = "the bearer token is malformed"  # noqa: S105
    EXPIRED_TOKEN = "the bearer token has expired"  # noqa: S105
    INVALID_TOKEN = "the bearer token is not valid"  # noqa: S105
    NO_CERTIFICATE = "no client certificate was shown"
    NAMELESS_CERTIFICATE = "the client certificate holds no usable name"


class AuthenticationError(Exception):
    """The caller is not known. reason: for operators; holds nothing of a token but the names of its members."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason
