"""The status table of Secure Key Manager, whose error codes are the error messages of the API.

The vendor publishes no error codes. Its other public pages report the messages, with different capitalization. For a
message that is not in the table, the HTTP status determines the result.
"""

from dataclasses import replace
from typing import Final

from gateway.errors import INVALID_USER_DATA, KEY_NOT_ACTIVE, KEY_NOT_FOUND, KEY_VERSION_NOT_FOUND
from gateway.known_messages import KnownMessages
from gateway.providers.base.status_table import StatusRow, StatusTable, requested_resource
from gateway.upstream.outcomes import API_NOT_FOUND, CREDENTIALS_REJECTED


def _key_or_secret(name: str) -> str:
    """Return the name of the key for the name of a key version; other names are unchanged."""
    return "/".join(name.split("/", 4)[:4])


_CODES: Final = (
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

_ROWS: Final = tuple(replace(row, messages=(row.upstream_code,)) for row in _CODES)

STATUS_TABLE: Final = StatusTable(_ROWS)

_MESSAGES: Final = KnownMessages(row.upstream_code for row in _ROWS)


def code_of(message: str) -> str | None:
    """Return the code of an error message: the longest known message that it equals or starts with; see `match`."""
    found = _MESSAGES.match(message)
    return found.known if found is not None else None
