"""The failures of the management API: code → HTTP status and message, and the exception that carries one.

Knows nothing about HTTP answers; routes.py renders them.
"""

from dataclasses import dataclass
from typing import Final

from gateway.emulators.asteria.assumptions import LOGIN_FAILED_CODE


@dataclass(frozen=True, slots=True)
class Failure:
    """One row of the error tables. `code` None: a failure for which no code is documented."""

    code: int | None
    status: int
    message: str


def _table(*rows: Failure) -> dict[int, Failure]:
    return {row.code: row for row in rows if row.code is not None}


FAILURES: Final = _table(
    Failure(2002, 400, "A required parameter is not set"),
    Failure(2003, 400, "The value of a parameter is invalid"),
    Failure(2004, 400, "A password is shorter than six characters"),
    Failure(2101, 400, "A value in the JSON data is invalid"),
    Failure(2102, 400, "A required item is missing in the JSON data"),
    Failure(2103, 400, "A value in the JSON data has the wrong type"),
    Failure(2107, 400, "A password in the JSON data is shorter than six characters"),
    Failure(2202, 400, "The request has no file name"),
    Failure(2203, 400, "The request has no file data"),
    Failure(2204, 400, "The uploaded certificate can't be parsed"),
    Failure(2301, 400, "The request data can't be parsed"),
    Failure(2401, 400, "The password is wrong"),
    Failure(2801, 400, "The public key failed validation"),
    Failure(2802, 400, "The certificate has expired"),
    Failure(3001, 403, "Not logged in"),
    Failure(LOGIN_FAILED_CODE, 403, "The user name or the password is wrong"),
    # The document prints "403 Not Found" for this one.
    Failure(4012, 403, "The certificate does not exist"),
    Failure(5001, 500, "A file can't be read"),
    Failure(5002, 500, "A file can't be written"),
    Failure(5006, 500, "The ZIP file can't be made"),
    Failure(5101, 500, "Internal communication failed"),
    Failure(5102, 500, "Internal error"),
    Failure(5303, 500, "The certificate can't be read"),
    Failure(5304, 500, "The stored certificate can't be parsed"),
    Failure(5305, 500, "The key store can't be stored"),
    Failure(5306, 500, "The key store can't be read or deleted"),
    Failure(5307, 500, "The key can't be created"),
    Failure(5308, 500, "The private key can't be obtained"),
    Failure(5309, 500, "The CSR can't be created"),
    Failure(5310, 500, "The CSR file does not exist"),
)

INTERNAL_ERROR: Final = FAILURES[5102]
ROLE_TOO_LOW: Final = Failure(None, 403, "The role of the user does not permit this call")


class AsteriaError(Exception):
    """A call fails with one row of the table; `detail` says more to people."""

    def __init__(self, failure: int | Failure, detail: str = "") -> None:
        self.failure = FAILURES[failure] if isinstance(failure, int) else failure
        self.message = f"{self.failure.message}: {detail}" if detail else self.failure.message
        super().__init__(self.message)
