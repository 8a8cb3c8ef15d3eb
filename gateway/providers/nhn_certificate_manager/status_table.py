"""The status table of Certificate Manager.

Source: the response codes of the v1.0 and v1.2 guides. 52009 is reported for v1.3. Codes about the content of a file
describe the caller's file in an upload, and the stored file in other calls.
"""

from typing import Final

from google.rpc import code_pb2

from gateway.errors import CERTIFICATE_NOT_FOUND, ErrorKind, Reason
from gateway.providers.base.status_table import StatusRow, StatusTable
from keyway.v1 import error_reason_pb2 as reasons

UPLOAD: Final = "upload"
"""The scope of rows about an upload."""

FILE_TOO_LARGE: Final = "52008"
FILE_TOO_LARGE_MESSAGES: Final = (
    "Maximum permitted size is {} bytes. But, requested {} bytes.",
    "The maximum permitted size is {} bytes. However, the requested {} bytes.",
)


def _invalid(reason: Reason) -> ErrorKind:
    return ErrorKind(code_pb2.INVALID_ARGUMENT, reason)


def _precondition(reason: Reason) -> ErrorKind:
    return ErrorKind(code_pb2.FAILED_PRECONDITION, reason)


NOT_A_PEM_FILE: Final = _precondition(reasons.ERROR_REASON_NOT_A_PEM_FILE)
"""A stored file of the wrong kind. The gateway also reports it for a file that it does not support."""


def _about_the_file(code: str, meaning: str, reason: Reason, message: str) -> tuple[StatusRow, StatusRow]:
    """Return the rows of a code about the content of a file. `meaning` continues "the … file"."""
    return (
        StatusRow(code, f"the uploaded file {meaning}", _invalid(reason), scope=UPLOAD, messages=(message,)),
        StatusRow(code, f"the stored file {meaning}", _precondition(reason), messages=(message,)),
    )


STATUS_TABLE: Final = StatusTable(
    (
        StatusRow(
            "52000",
            "no certificate has this name",
            CERTIFICATE_NOT_FOUND,
            messages=("Certificate name does not exist.",),
        ),
        StatusRow(
            "52001",
            "the certificate has no file",
            ErrorKind(code_pb2.NOT_FOUND, reasons.ERROR_REASON_CERTIFICATE_FILE_NOT_FOUND),
            messages=("Certificate file does not exist.",),
        ),
        StatusRow(
            "52002",
            "more than one file is registered for the certificate",
            _precondition(reasons.ERROR_REASON_MULTIPLE_CERTIFICATE_FILES),
            messages=("There are more than one certificate file.",),
        ),
        *_about_the_file(
            "52003",
            "is not a PEM file of certificates, leaf first, with their private key",
            reasons.ERROR_REASON_NOT_A_PEM_FILE,
            "The certificate file is not a pem file.",
        ),
        *_about_the_file(
            "52004",
            "is for another name than the certificate",
            reasons.ERROR_REASON_CERTIFICATE_NAME_MISMATCH,
            "The certificate name in the file is different from the requested certificate name.",
        ),
        StatusRow(
            "52005",
            "the certificate in the file has expired",
            _precondition(reasons.ERROR_REASON_CERTIFICATE_EXPIRED),
            messages=("Certificate file has expired.",),
        ),
        *_about_the_file(
            "52006",
            "has an invalid certificate authority",
            reasons.ERROR_REASON_INVALID_CERTIFICATE_AUTHORITY,
            "The certificate has an invalid certificate authority name.",
        ),
        StatusRow(
            "52007",
            "the upload must contain exactly one file",
            _invalid(reasons.ERROR_REASON_NOT_EXACTLY_ONE_FILE),
            messages=(
                "Requested certificate file should be one.",
                "The requested certificate file should be one.",
            ),
        ),
        StatusRow(
            FILE_TOO_LARGE,
            "the file is larger than 512 KB (524288 bytes)",
            _invalid(reasons.ERROR_REASON_FILE_TOO_LARGE),
            messages=FILE_TOO_LARGE_MESSAGES,
        ),
        StatusRow(
            "52009", "no certificate has this ID", CERTIFICATE_NOT_FOUND, messages=("Certificate id does not exist.",)
        ),
    )
)
