"""The failures of Certificate Manager as one table, the exception that carries a row, and the JSON envelope.

Decides nothing: which failure fits is for the modules that raise it.
"""

from dataclasses import dataclass

from aiohttp import web

from gateway.emulators.certificate_manager import assumptions

MAXIMUM_FILE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Failure:
    """One row: result code, message, HTTP status, and the message where v1.2 and later word it differently."""

    code: int
    message: str
    status: int = 200
    later_message: str | None = None


NO_NAME = Failure(52000, "Certificate name does not exist.")
NO_FILE = Failure(52001, "Certificate file does not exist.")
SEVERAL_FILES = Failure(52002, "There are more than one certificate file.")
NOT_PEM = Failure(52003, "The certificate file is not a pem file.")
OTHER_NAME = Failure(52004, "The certificate name in the file is different from the requested certificate name.")
EXPIRED = Failure(52005, "Certificate file has expired", later_message="Certificate file has expired.")
OTHER_AUTHORITY = Failure(52006, "The certificate has an invalid certificate authority name.")
NOT_ONE_FILE = Failure(
    52007,
    "Requested certificate file should be one.",
    later_message="The requested certificate file should be one.",
)
TOO_LARGE = Failure(
    52008,
    "Maximum permitted size is {} bytes. But, requested {} bytes.",
    later_message="The maximum permitted size is {} bytes. However, the requested {} bytes.",
)
NO_ID = Failure(52009, "Certificate id does not exist.", status=404)

# Not numbered in the documents: see assumptions.
INTERNAL = Failure(assumptions.INTERNAL_CODE, "Internal server error.", status=500)
BAD_APP_KEY = Failure(assumptions.APP_KEY_CODE, "Invalid appkey.", status=401)
BAD_CREDENTIALS = Failure(assumptions.CREDENTIALS_CODE, "Unauthorized.", status=401)
BAD_PARAMETER = Failure(assumptions.PARAMETER_CODE, "Invalid parameter: {}.", status=400)

FAILURES = {
    failure.code: failure
    for failure in (
        NO_NAME, NO_FILE, SEVERAL_FILES, NOT_PEM, OTHER_NAME, EXPIRED, OTHER_AUTHORITY, NOT_ONE_FILE, TOO_LARGE,
        NO_ID, INTERNAL, BAD_APP_KEY, BAD_CREDENTIALS, BAD_PARAMETER,
    )
}  # fmt: skip


class CertificateManagerError(Exception):
    """A call failed as one row says; `details` fill the placeholders of its message."""

    def __init__(self, failure: Failure, *details: object) -> None:
        super().__init__(failure.message.format(*details))
        self.failure = failure
        self.details = details

    def response(self, version: str) -> web.Response:
        """The failure envelope in the wording of one API version."""
        failure = self.failure
        early = version in ("v1.0", "v1.1")
        message = failure.message if early or failure.later_message is None else failure.later_message
        # The body of a failure is documented for v1.2 only; v1.0 is taken to send null, as its upload does.
        body: object = None if version == "v1.0" else {}
        return envelope(failure.code, message.format(*self.details), body, failure.status)


def success(body: object) -> web.Response:
    """The success envelope."""
    return envelope(0, "success", body, 200)


def failure_on_demand(code: str | None, message: str | None, status: int | None) -> web.Response:
    """The failure envelope for a code (or documented message) chosen from outside; see `Emulator.failure`."""
    failure = _find(code)
    details = (MAXIMUM_FILE_BYTES, MAXIMUM_FILE_BYTES + 1) if failure is TOO_LARGE else ("pageSize",)
    text = message if message is not None else failure.message.format(*details)
    return envelope(failure.code, text, {}, status or failure.status)


def envelope(code: int, message: str, body: object, status: int) -> web.Response:
    """The header that every JSON answer has, and its body."""
    header = {"resultCode": code, "resultMessage": message, "isSuccessful": code == 0}
    return web.json_response({"header": header, "body": body}, status=status)


def _find(code: str | None) -> Failure:
    if code is None:
        return INTERNAL
    if code.lstrip("-").isdecimal():
        # A code that is not in the table is still a code: the vendor may add some.
        return FAILURES.get(int(code), Failure(int(code), f"Unknown failure {code}."))
    by_message = (failure for failure in FAILURES.values() if code in (failure.message, failure.later_message))
    return next(by_message, Failure(INTERNAL.code, code, INTERNAL.status))
