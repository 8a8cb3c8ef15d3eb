"""The status tables of ASTERIA.

Source: the error cases of the 24 calls of the management API's module `certificate`.
"""

from typing import Final

from google.rpc import code_pb2

from gateway.errors import CERTIFICATE_NOT_FOUND, ErrorKind, Reason
from gateway.providers.base.status_table import StatusRow, StatusTable
from gateway.upstream import outcomes
from keyway.v1 import error_reason_pb2 as reasons

NOT_LOGGED_IN: Final = "3001"
NO_SUCH_CERTIFICATE: Final = "4012"
TRUST_STORE: Final = "ca"
"""The scope of the `ca/…` calls, in which 4012 is about an authority instead of a certificate."""

AUTHORITY_NOT_FOUND: Final = ErrorKind(code_pb2.NOT_FOUND, reasons.ERROR_REASON_AUTHORITY_NOT_FOUND)


def _invalid(code: str, reason: Reason, meaning: str) -> StatusRow:
    return StatusRow(code, meaning, ErrorKind(code_pb2.INVALID_ARGUMENT, reason))


def _precondition(code: str, reason: Reason, meaning: str) -> StatusRow:
    return StatusRow(code, meaning, ErrorKind(code_pb2.FAILED_PRECONDITION, reason))


def _internal(code: str, reason: Reason, meaning: str) -> StatusRow:
    return StatusRow(code, meaning, ErrorKind(code_pb2.INTERNAL, reason))


STATUS_TABLE: Final = StatusTable(
    (
        _invalid("2002", reasons.ERROR_REASON_MISSING_PARAMETER, "a parameter is missing"),
        _invalid("2003", reasons.ERROR_REASON_INVALID_PARAMETER, "a parameter has an invalid value"),
        _invalid(
            "2004", reasons.ERROR_REASON_PASSWORD_TOO_SHORT, "a password of the import has fewer than 6 characters"
        ),
        _invalid("2101", reasons.ERROR_REASON_INVALID_PARAMETER, "a value in the JSON data is invalid"),
        _invalid("2102", reasons.ERROR_REASON_MISSING_PARAMETER, "a required item of the JSON data is missing"),
        _invalid("2103", reasons.ERROR_REASON_INVALID_PARAMETER, "a value in the JSON data has the wrong type"),
        _invalid(
            "2107",
            reasons.ERROR_REASON_PASSWORD_TOO_SHORT,
            "a password of the new certificate has fewer than 6 characters",
        ),
        _invalid(
            "2202", reasons.ERROR_REASON_INVALID_UPLOAD, "the server could not read the name of the uploaded file"
        ),
        _invalid(
            "2203", reasons.ERROR_REASON_INVALID_UPLOAD, "the server could not read the data of the uploaded file"
        ),
        _invalid(
            "2204",
            reasons.ERROR_REASON_UNPARSABLE_CERTIFICATE,
            "the server could not parse the uploaded certificate or keystore",
        ),
        _invalid("2301", reasons.ERROR_REASON_INVALID_UPLOAD, "the server could not parse the uploaded data"),
        StatusRow(
            "2401",
            "the password is incorrect",
            ErrorKind(code_pb2.PERMISSION_DENIED, reasons.ERROR_REASON_KEYSTORE_PASSWORD_INCORRECT),
        ),
        _precondition(
            "2801",
            reasons.ERROR_REASON_PUBLIC_KEY_MISMATCH,
            "the certificate does not belong to the stored private key",
        ),
        _precondition("2802", reasons.ERROR_REASON_CERTIFICATE_EXPIRED, "the certificate has expired"),
        StatusRow(
            NOT_LOGGED_IN,
            "the gateway's session is not logged in, even after a new login if `login` is configured",
            outcomes.CREDENTIALS_REJECTED,
        ),
        StatusRow(NO_SUCH_CERTIFICATE, "the certificate does not exist", CERTIFICATE_NOT_FOUND),
        StatusRow(
            NO_SUCH_CERTIFICATE,
            "the authority does not exist in the trust store",
            AUTHORITY_NOT_FOUND,
            scope=TRUST_STORE,
        ),
        _internal("5001", reasons.ERROR_REASON_PROVIDER_STORAGE, "the server could not read a file"),
        _internal("5002", reasons.ERROR_REASON_PROVIDER_STORAGE, "the server could not write a file"),
        _internal("5006", reasons.ERROR_REASON_PROVIDER_STORAGE, "the server could not create a ZIP file"),
        StatusRow(
            "5101",
            "the components of the server could not reach each other",
            ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_INTERNAL_COMMUNICATION),
        ),
        StatusRow("5102", "the server had an internal error", outcomes.INTERNAL),
        _internal(
            "5303",
            reasons.ERROR_REASON_PROVIDER_CERTIFICATE_UNREADABLE,
            "the server could not read the stored certificate",
        ),
        _internal(
            "5304",
            reasons.ERROR_REASON_PROVIDER_CERTIFICATE_UNREADABLE,
            "the server could not parse a stored certificate",
        ),
        _internal("5305", reasons.ERROR_REASON_PROVIDER_KEYSTORE, "the server could not save its keystore"),
        _internal(
            "5306",
            reasons.ERROR_REASON_PROVIDER_KEYSTORE,
            "the server could not read its keystore or delete from it",
        ),
        _internal("5307", reasons.ERROR_REASON_PROVIDER_KEY_GENERATION, "the server could not create the key"),
        _internal("5308", reasons.ERROR_REASON_PROVIDER_KEY_GENERATION, "the server could not access the private key"),
        _internal("5309", reasons.ERROR_REASON_PROVIDER_KEY_GENERATION, "the server could not create the CSR"),
        StatusRow("5310", "the CSR does not exist", ErrorKind(code_pb2.NOT_FOUND, reasons.ERROR_REASON_CSR_NOT_FOUND)),
    )
)

_LOGIN_REJECTED: Final = StatusRow(
    "login rejected", "the server rejected the gateway's login", outcomes.CREDENTIALS_REJECTED
)


class LoginStatusTable(StatusTable):
    """The status table of the login, in which most failures mean that the server rejected the account."""

    def resolve(self, code: str | None, http_status: int, scope: str = "") -> StatusRow:
        """Return the row for a failed login."""
        if _is_rejection(code, http_status):
            return _LOGIN_REJECTED
        return super().resolve(code, http_status, scope)


def _is_rejection(code: str | None, http_status: int) -> bool:
    """Return whether a failed login is about the account. Codes from 5000 on are internal errors of the server."""
    if code is not None and code.isdecimal():
        return not 5000 <= int(code) <= 5999
    if code is not None:
        return http_status < 500
    return 400 <= http_status <= 499 and http_status not in (404, 408, 429)


LOGIN_STATUS_TABLE: Final = LoginStatusTable([row for row in STATUS_TABLE.rows if not row.shared])
