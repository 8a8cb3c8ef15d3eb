"""The failures of Certificate Manager as one table, the exception that carries a row, and the JSON envelope.

Other modules decide which failure applies.
"""

from dataclasses import dataclass

from aiohttp import web

from gateway.emulators.base import json_response
from gateway.emulators.certificate_manager import assumptions

MAXIMUM_FILE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class CertificateManagerFailure:
    """One row: result code, message, HTTP status, and the message of v1.2 and later if it differs."""

    code: int
    message: str
    status: int = 200
    later_message: str | None = None


NO_NAME = CertificateManagerFailure(52000, "Certificate name does not exist.")
NO_FILE = CertificateManagerFailure(52001, "Certificate file does not exist.")
SEVERAL_FILES = CertificateManagerFailure(52002, "There are more than one certificate file.")
NOT_PEM = CertificateManagerFailure(52003, "The certificate file is not a pem file.")
OTHER_NAME = CertificateManagerFailure(
    52004, "The certificate name in the file is different from the requested certificate name."
)
EXPIRED = CertificateManagerFailure(
    52005, "Certificate file has expired", later_message="Certificate file has expired."
)
OTHER_AUTHORITY = CertificateManagerFailure(52006, "The certificate has an invalid certificate authority name.")
NOT_ONE_FILE = CertificateManagerFailure(
    52007,
    "Requested certificate file should be one.",
    later_message="The requested certificate file should be one.",
)
TOO_LARGE = CertificateManagerFailure(
    52008,
    "Maximum permitted size is {} bytes. But, requested {} bytes.",
    later_message="The maximum permitted size is {} bytes. However, the requested {} bytes.",
)
NO_ID = CertificateManagerFailure(52009, "Certificate id does not exist.", status=404)

# Not numbered in the documents: see assumptions.
INTERNAL = CertificateManagerFailure(assumptions.INTERNAL_CODE, "Internal server error.", status=500)
BAD_APP_KEY = CertificateManagerFailure(assumptions.APP_KEY_CODE, "Invalid appkey.", status=401)
BAD_CREDENTIALS = CertificateManagerFailure(assumptions.CREDENTIALS_CODE, "Unauthorized.", status=401)
BAD_PARAMETER = CertificateManagerFailure(assumptions.PARAMETER_CODE, "Invalid parameter: {}.", status=400)

FAILURES = {
    failure.code: failure
    for failure in (
        NO_NAME, NO_FILE, SEVERAL_FILES, NOT_PEM, OTHER_NAME, EXPIRED, OTHER_AUTHORITY, NOT_ONE_FILE, TOO_LARGE,
        NO_ID, INTERNAL, BAD_APP_KEY, BAD_CREDENTIALS, BAD_PARAMETER,
    )
}  # fmt: skip


class CertificateManagerError(Exception):
    """A call failed with one row; `details` fill the placeholders of the message."""

    def __init__(self, failure: CertificateManagerFailure, *details: object) -> None:
        super().__init__(failure.message.format(*details))
        self.failure = failure
        self.details = details

    def response(self, version: str) -> web.Response:
        """Return the failure envelope with the message of one API version."""
        failure = self.failure
        early = version in ("v1.0", "v1.1")
        message = failure.message if early or failure.later_message is None else failure.later_message
        # The body of a failure is documented for v1.2 only. v1.0 is assumed to send null, as its upload does.
        body: object = None if version == "v1.0" else {}
        return envelope(failure.code, message.format(*self.details), body, failure.status)


def success(body: object) -> web.Response:
    """Return the success envelope."""
    return envelope(0, "success", body, 200)


def failure_on_demand(code: str | None, message: str | None, status: int | None) -> web.Response:
    """Return the failure envelope for a given code or documented message; see `Emulator.failure`."""
    failure = _find(code)
    details = (MAXIMUM_FILE_BYTES, MAXIMUM_FILE_BYTES + 1) if failure is TOO_LARGE else ("pageSize",)
    text = message if message is not None else failure.message.format(*details)
    return envelope(failure.code, text, {}, status or failure.status)


def envelope(code: int, message: str, body: object, status: int) -> web.Response:
    """Return the header and body of every JSON response."""
    header = {"resultCode": code, "resultMessage": message, "isSuccessful": code == 0}
    return json_response({"header": header, "body": body}, status)


def _find(code: str | None) -> CertificateManagerFailure:
    if code is None:
        return INTERNAL
    if code.lstrip("-").isdecimal():
        # A code that is not in the table is accepted, because the vendor can add codes.
        return FAILURES.get(int(code), CertificateManagerFailure(int(code), f"Unknown failure {code}."))
    by_message = (failure for failure in FAILURES.values() if code in (failure.message, failure.later_message))
    return next(by_message, CertificateManagerFailure(INTERNAL.code, code, INTERNAL.status))
