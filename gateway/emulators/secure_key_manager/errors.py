"""The failures of Secure Key Manager: result code, message, and HTTP status.

Contains the table and the exception that carries a row; `routes.py` writes the envelope. The messages are the vendor's,
except those for rejected credentials and internal errors. All numbers and statuses are assumed, because none are
published.
"""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class KeyManagerFailure:
    """One row: the header of the envelope and the HTTP status."""

    result_code: int
    message: str
    status: int


INVALID_APPKEY: Final = KeyManagerFailure(-40001, "Invalid Appkey", 400)
INVALID_KEY_ID: Final = KeyManagerFailure(-40002, "Invalid Key ID", 400)
INVALID_KEY_VERSION: Final = KeyManagerFailure(-40003, "Invalid Key Version", 400)
INVALID_USER_DATA: Final = KeyManagerFailure(-40004, "Invalid User Data", 400)
INVALID_KEY_STATUS: Final = KeyManagerFailure(-40005, "Invalid Key Status", 400)
INVALID_KEY_VERSION_STATUS: Final = KeyManagerFailure(-40006, "Invalid Key Version Status", 400)
INVALID_USER_ACCESS_KEY: Final = KeyManagerFailure(-40101, "Invalid User Access Key", 401)
INVALID_ACCESS_TOKEN: Final = KeyManagerFailure(-40102, "Invalid Access Token", 401)
IPV4_AUTH_FAILURE: Final = KeyManagerFailure(-40301, "IPv4 Auth Failure", 403)
MAC_AUTH_FAILURE: Final = KeyManagerFailure(-40302, "MAC Auth Failure", 403)
CERTIFICATE_AUTH_FAILURE: Final = KeyManagerFailure(-40303, "Certificate Auth Failure", 403)
URL_NOT_FOUND: Final = KeyManagerFailure(-40401, "URL NOT FOUND", 404)
INTERNAL_ERROR: Final = KeyManagerFailure(-50001, "Internal Server Error", 500)

FAILURES: Final = (
    INVALID_APPKEY,
    INVALID_KEY_ID,
    INVALID_KEY_VERSION,
    INVALID_USER_DATA,
    INVALID_KEY_STATUS,
    INVALID_KEY_VERSION_STATUS,
    INVALID_USER_ACCESS_KEY,
    INVALID_ACCESS_TOKEN,
    IPV4_AUTH_FAILURE,
    MAC_AUTH_FAILURE,
    CERTIFICATE_AUTH_FAILURE,
    URL_NOT_FOUND,
    INTERNAL_ERROR,
)


class KeyManagerError(Exception):
    """A call failed with this row."""

    def __init__(self, failure: KeyManagerFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def find(code: str | None) -> KeyManagerFailure:
    """Return the row with this result code or message. An unknown value gives a row like the internal error."""
    if code is None:
        return INTERNAL_ERROR
    for failure in FAILURES:
        if code.casefold() in (failure.message.casefold(), str(failure.result_code)):
            return failure
    try:
        return replace(INTERNAL_ERROR, result_code=int(code))
    except ValueError:
        return replace(INTERNAL_ERROR, message=code)
