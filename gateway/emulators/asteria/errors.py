"""The failures of the management API: code → HTTP status and message, and the exception that carries one.

routes.py renders the HTTP responses.
"""

from dataclasses import dataclass
from typing import Final

from gateway.emulators.asteria.assumptions import LOGIN_FAILED_CODE


@dataclass(frozen=True, slots=True)
class AsteriaFailure:
    """One row of the error tables. `code` None: a failure for which no code is documented."""

    code: int | None
    status: int
    message: str


def _table(*rows: AsteriaFailure) -> dict[int, AsteriaFailure]:
    return {row.code: row for row in rows if row.code is not None}


FAILURES: Final = _table(
    AsteriaFailure(2002, 400, "A required parameter is not set"),
    AsteriaFailure(2003, 400, "The value of a parameter is invalid"),
    AsteriaFailure(2004, 400, "A password is shorter than six characters"),
    AsteriaFailure(2101, 400, "A value in the JSON data is invalid"),
    AsteriaFailure(2102, 400, "A required item is missing in the JSON data"),
    AsteriaFailure(2103, 400, "A value in the JSON data has the wrong type"),
    AsteriaFailure(2107, 400, "A password in the JSON data is shorter than six characters"),
    AsteriaFailure(2202, 400, "The request has no file name"),
    AsteriaFailure(2203, 400, "The request has no file data"),
    AsteriaFailure(2204, 400, "The uploaded certificate cannot be parsed"),
    AsteriaFailure(2301, 400, "The request data cannot be parsed"),
    AsteriaFailure(2401, 400, "The password is wrong"),
    AsteriaFailure(2801, 400, "The public key failed validation"),
    AsteriaFailure(2802, 400, "The certificate has expired"),
    AsteriaFailure(3001, 403, "Not logged in"),
    AsteriaFailure(LOGIN_FAILED_CODE, 403, "The user name or the password is wrong"),
    # The document prints "403 Not Found" for this one.
    AsteriaFailure(4012, 403, "The certificate does not exist"),
    AsteriaFailure(5001, 500, "A file cannot be read"),
    AsteriaFailure(5002, 500, "A file cannot be written"),
    AsteriaFailure(5006, 500, "The ZIP file cannot be created"),
    AsteriaFailure(5101, 500, "Internal communication failed"),
    AsteriaFailure(5102, 500, "Internal error"),
    AsteriaFailure(5303, 500, "The certificate cannot be read"),
    AsteriaFailure(5304, 500, "The stored certificate cannot be parsed"),
    AsteriaFailure(5305, 500, "The key store cannot be stored"),
    AsteriaFailure(5306, 500, "The key store cannot be read or deleted"),
    AsteriaFailure(5307, 500, "The key cannot be created"),
    AsteriaFailure(5308, 500, "The private key cannot be obtained"),
    AsteriaFailure(5309, 500, "The CSR cannot be created"),
    AsteriaFailure(5310, 500, "The CSR file does not exist"),
)

INTERNAL_ERROR: Final = FAILURES[5102]
ROLE_TOO_LOW: Final = AsteriaFailure(None, 403, "The role of the user does not permit this call")


class AsteriaError(Exception):
    """A call failed with one row of the table; `detail` adds information for people."""

    def __init__(self, failure: int | AsteriaFailure, detail: str = "") -> None:
        self.failure = FAILURES[failure] if isinstance(failure, int) else failure
        self.message = f"{self.failure.message}: {detail}" if detail else self.failure.message
        super().__init__(self.message)
