"""The failures that Secure Key Manager answers: result code, message and HTTP status.

Responsible for the table and the one exception that carries a row of it; `routes.py` writes the envelope.
The messages are the vendor's, save those of refused credentials and of an internal error; all numbers and statuses are
assumed, since none are published.
"""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Failure:
    """One row: what the envelope's header says, and the status line above it."""

    result_code: int
    message: str
    status: int


INVALID_APPKEY: Final = Failure(-40001, "Invalid Appkey", 400)
INVALID_KEY_ID: Final = Failure(-40002, "Invalid Key ID", 400)
INVALID_KEY_VERSION: Final = Failure(-40003, "Invalid Key Version", 400)
INVALID_USER_DATA: Final = Failure(-40004, "Invalid User Data", 400)
INVALID_KEY_STATUS: Final = Failure(-40005, "Invalid Key Status", 400)
INVALID_KEY_VERSION_STATUS: Final = Failure(-40006, "Invalid Key Version Status", 400)
INVALID_USER_ACCESS_KEY: Final = Failure(-40101, "Invalid User Access Key", 401)
INVALID_ACCESS_TOKEN: Final = Failure(-40102, "Invalid Access Token", 401)
IPV4_AUTH_FAILURE: Final = Failure(-40301, "IPv4 Auth Failure", 403)
MAC_AUTH_FAILURE: Final = Failure(-40302, "MAC Auth Failure", 403)
CERTIFICATE_AUTH_FAILURE: Final = Failure(-40303, "Certificate Auth Failure", 403)
URL_NOT_FOUND: Final = Failure(-40401, "URL NOT FOUND", 404)
INTERNAL_ERROR: Final = Failure(-50001, "Internal Server Error", 500)

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
    """A call ends with this failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def find(code: str | None) -> Failure:
    """The row with this result code or message; unknown ones become a row like the internal error's."""
    if code is None:
        return INTERNAL_ERROR
    for failure in FAILURES:
        if code.casefold() in (failure.message.casefold(), str(failure.result_code)):
            return failure
    try:
        return replace(INTERNAL_ERROR, result_code=int(code))
    except ValueError:
        return replace(INTERNAL_ERROR, message=code)
