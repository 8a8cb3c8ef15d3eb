"""The status table of Secure Key Manager, whose error codes are the error messages of the API.

The vendor publishes no error codes. Its other public pages report the messages, with different capitalization. For a
message that is not in the table, the HTTP status determines the result.
"""

from typing import Final

from gateway.errors import INVALID_USER_DATA, KEY_NOT_ACTIVE, KEY_NOT_FOUND, KEY_VERSION_NOT_FOUND
from gateway.providers.base.status_table import StatusRow, StatusTable, requested_resource
from gateway.upstream.outcomes import API_NOT_FOUND, CREDENTIALS_REJECTED


def _key_or_secret(name: str) -> str:
    """Return the name of the key for the name of a key version; other names are unchanged."""
    return "/".join(name.split("/", 4)[:4])


_ROWS: Final = (
    StatusRow("Invalid Key ID", "no key or secret of this kind has this ID", KEY_NOT_FOUND, at_fault=_key_or_secret),
    StatusRow("Invalid Key Version", "the key has no such version", KEY_VERSION_NOT_FOUND),
    StatusRow("Invalid User Data", "the data is invalid: altered, or created with another key", INVALID_USER_DATA),
    StatusRow("Invalid Key Status", "the key is not active", KEY_NOT_ACTIVE, at_fault=requested_resource),
    StatusRow(
        "Invalid Key Version Status", "the key version is not active", KEY_NOT_ACTIVE, at_fault=requested_resource
    ),
    StatusRow("Invalid Appkey", "the upstream rejected the gateway's app key", CREDENTIALS_REJECTED),
    StatusRow("IPv4 Auth Failure", "the key store does not accept the gateway's IP address", CREDENTIALS_REJECTED),
    StatusRow("MAC Auth Failure", "the key store does not accept the gateway's MAC address", CREDENTIALS_REJECTED),
    StatusRow(
        "Certificate Auth Failure",
        "the key store does not accept the gateway's client certificate",
        CREDENTIALS_REJECTED,
    ),
    StatusRow("URL NOT FOUND", "this version of the API has no such call", API_NOT_FOUND),
)

STATUS_TABLE: Final = StatusTable(_ROWS)


def _normalized(message: str) -> str:
    return " ".join(message.split()).rstrip(" .!").casefold()


_BY_MESSAGE: Final = {_normalized(row.upstream_code): row.upstream_code for row in _ROWS}
_LONGEST_FIRST: Final = sorted(_BY_MESSAGE, key=len, reverse=True)


def code_of(message: str) -> str | None:
    """Return the code of an error message: the known message that it equals, or the longest one that it starts with.

    Case, white space, and a period at the end are ignored. A known message further inside does not count: it can be the
    caller's own text that the upstream quotes.
    """
    text = _normalized(message)
    if text in _BY_MESSAGE:
        return _BY_MESSAGE[text]
    for known in _LONGEST_FIRST:
        if text.startswith(known) and not text[len(known)].isalnum():
            return _BY_MESSAGE[known]
    return None


def is_verbatim(message: str) -> bool:
    """Return whether an error message equals a known one, so that it quotes nothing of the request."""
    return _normalized(message) in _BY_MESSAGE
