"""Authentication errors: a message for the caller, and a detailed reason for operators."""

from enum import StrEnum


class AuthenticationFailure(StrEnum):
    """Messages for the caller. They do not disclose which check of a token failed.

    All clients, including earlier releases, recognize these texts (`clients/problem_table.py`), so do not change them.
    """

    NO_TOKEN = "no bearer token was sent"  # noqa: S105 - not a password
    MALFORMED_TOKEN = "the bearer token is malformed"  # noqa: S105
    EXPIRED_TOKEN = "the bearer token has expired"  # noqa: S105
    INVALID_TOKEN = "the bearer token is invalid"  # noqa: S105
    KEYS_UNAVAILABLE = "the keys of the token's issuer are unavailable"
    """The only failure that is not the caller's: the token can be valid."""
    NO_CERTIFICATE = "no client certificate was presented"
    NAMELESS_CERTIFICATE = "the client certificate contains no usable name"


class AuthenticationError(Exception):
    """The caller cannot be authenticated. reason: for operators; of a token it contains only claim names."""

    def __init__(self, failure: AuthenticationFailure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason
