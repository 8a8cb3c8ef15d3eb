"""What Secure Key Manager's failures mean: one table, by the message of its answer.

The vendor publishes no error codes; the messages are reported by its other public pages, in varying case. A message
that no row fits is left to the HTTP status, and what that leaves open is unrecognized.
"""

from collections.abc import Sequence
from typing import Final

from google.rpc import code_pb2

from gateway.errors import Outcome
from gateway.providers.base.capabilities import StatusRow
from gateway.upstream.outcomes import (
    API_NOT_FOUND,
    CREDENTIALS_REJECTED,
    HTTP_ROWS,
    UNRECOGNIZED,
    for_http_status,
)
from keyway.v1 import error_reason_pb2 as reasons

KEY_NOT_FOUND: Final = Outcome(code_pb2.NOT_FOUND, reasons.ERROR_REASON_KEY_NOT_FOUND)
KEY_VERSION_NOT_FOUND: Final = Outcome(code_pb2.NOT_FOUND, reasons.ERROR_REASON_KEY_VERSION_NOT_FOUND)
INVALID_USER_DATA: Final = Outcome(code_pb2.INVALID_ARGUMENT, reasons.ERROR_REASON_INVALID_USER_DATA)
KEY_NOT_ACTIVE: Final = Outcome(code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_KEY_NOT_ACTIVE)

ABOUT_THE_RESOURCE: Final = (KEY_NOT_FOUND, KEY_VERSION_NOT_FOUND, KEY_NOT_ACTIVE)
"""The outcomes that are the named resource's fault, rather than the gateway's or the data's."""

STATUSES: Final = (
    StatusRow("Invalid Key ID", "no key or secret of this kind has this id", KEY_NOT_FOUND),
    StatusRow("Invalid Key Version", "the key has no such version", KEY_VERSION_NOT_FOUND),
    StatusRow("Invalid User Data", "the data can't be used: altered, or made with another key", INVALID_USER_DATA),
    StatusRow("Invalid Key Status", "the key is not in use", KEY_NOT_ACTIVE),
    StatusRow("Invalid Key Version Status", "the version of the key is not in use", KEY_NOT_ACTIVE),
    StatusRow("Invalid Appkey", "the gateway's app key was refused", CREDENTIALS_REJECTED),
    StatusRow("IPv4 Auth Failure", "the key store does not accept the gateway's address", CREDENTIALS_REJECTED),
    StatusRow("MAC Auth Failure", "the key store does not accept the gateway's MAC address", CREDENTIALS_REJECTED),
    StatusRow(
        "Certificate Auth Failure",
        "the key store does not accept the gateway's client certificate",
        CREDENTIALS_REJECTED,
    ),
    StatusRow("URL NOT FOUND", "there is no such call in this version of the API", API_NOT_FOUND),
)
"""`upstream_code` is the message, and what the caller finds in the metadata; `meaning` is also told to the caller."""


def _normalized(message: str) -> str:
    return " ".join(message.split()).rstrip(" .!").casefold()


_BY_MESSAGE: Final = {_normalized(row.upstream_code): row for row in STATUSES}
_LONGEST_FIRST: Final = sorted(_BY_MESSAGE, key=len, reverse=True)


def row_of(message: str) -> StatusRow | None:
    """The row of a message: the same words, or else the longest known message that it begins with.

    Case, white space and a full stop at the end don't count. Text further inside is not looked at: it may be the
    caller's own, echoed.
    """
    text = _normalized(message)
    if text in _BY_MESSAGE:
        return _BY_MESSAGE[text]
    for known in _LONGEST_FIRST:
        if text.startswith(known) and not text[len(known)].isalnum():
            return _BY_MESSAGE[known]
    return None


def is_known_word_for_word(message: str) -> bool:
    """Whether a message is a known one and nothing else, so that it can't echo anything."""
    return _normalized(message) in _BY_MESSAGE


def unknown_refusal(http_status: int) -> Outcome:
    """The outcome of a failure whose envelope holds no known message.

    An envelope proves that there is an API at the address: with one, 404 says nothing about the path.
    """
    outcome = for_http_status(http_status)
    return UNRECOGNIZED if outcome is API_NOT_FOUND else outcome


def status_rows() -> Sequence[StatusRow]:
    """The vendor's rows, then those of the HTTP exchange."""
    return (*STATUSES, *(StatusRow(row.answer, row.meaning, row.outcome) for row in HTTP_ROWS))
