"""The gateway's errors: the one exception type that crosses module boundaries, and its closed set of kinds.

    GatewayError                  a call that fails
    ├─ InvalidRequest             the request violates the contract or a limit of the provider; has the violations
    └─ UpstreamError              an upstream failed, rejected the request, or was not reached; has its code and status
       └─ MalformedResponse       a successful response of an upstream that the gateway cannot parse

Every error has an `ErrorKind`: a gRPC status code and a reason of `keyway.v1.ErrorReason`. This module defines the
gateway's own kinds and the kinds about certificates and keys that several vendors have, `upstream/outcomes.py` those of
an HTTP exchange, and `providers/<vendor>/status_table.py` those that only one vendor has. Adapters and the HTTP client
raise only these exceptions; only `server/` converts them to gRPC.

Messages are returned to callers: they contain no secret and no upstream text that was not sanitized.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from google.rpc import code_pb2

from keyway.v1 import error_reason_pb2 as reasons

Code: TypeAlias = code_pb2.Code
Reason: TypeAlias = reasons.ErrorReason.ValueType

_REASON_PREFIX: Final = "ERROR_REASON_"


def reason_name(reason: Reason) -> str:
    """Return the name for `ErrorInfo.reason`, such as `PROVIDER_TIMEOUT`."""
    return reasons.ErrorReason.Name(reason).removeprefix(_REASON_PREFIX)


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """A gRPC status code with its reason, and whether a retry is safe.

    retryable: the request did not reach the upstream, or is safe to retry for every method. The caller gets RetryInfo.
    retryable_if_idempotent: the same, but only for idempotent methods, because the upstream may have acted.
    """

    code: Code
    reason: Reason
    retryable: bool = False
    retryable_if_idempotent: bool = False


INVALID_REQUEST = ErrorKind(code_pb2.INVALID_ARGUMENT, reasons.ERROR_REASON_INVALID_REQUEST)
INVALID_PAGE_TOKEN = ErrorKind(code_pb2.INVALID_ARGUMENT, reasons.ERROR_REASON_INVALID_PAGE_TOKEN)
PROVIDER_NOT_FOUND = ErrorKind(code_pb2.NOT_FOUND, reasons.ERROR_REASON_PROVIDER_NOT_FOUND)
METHOD_NOT_SUPPORTED = ErrorKind(code_pb2.UNIMPLEMENTED, reasons.ERROR_REASON_METHOD_NOT_SUPPORTED_BY_PROVIDER)
CERTIFICATE_ALREADY_EXISTS = ErrorKind(code_pb2.ALREADY_EXISTS, reasons.ERROR_REASON_CERTIFICATE_ALREADY_EXISTS)
CERTIFICATE_NOT_FOUND = ErrorKind(code_pb2.NOT_FOUND, reasons.ERROR_REASON_CERTIFICATE_NOT_FOUND)
KEY_NOT_FOUND = ErrorKind(code_pb2.NOT_FOUND, reasons.ERROR_REASON_KEY_NOT_FOUND)
KEY_VERSION_NOT_FOUND = ErrorKind(code_pb2.NOT_FOUND, reasons.ERROR_REASON_KEY_VERSION_NOT_FOUND)
KEY_NOT_ACTIVE = ErrorKind(code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_KEY_NOT_ACTIVE)
INVALID_USER_DATA = ErrorKind(code_pb2.INVALID_ARGUMENT, reasons.ERROR_REASON_INVALID_USER_DATA)
PLAINTEXT_NOT_BASE64 = ErrorKind(code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_PLAINTEXT_NOT_BASE64)
TOO_MANY_CERTIFICATES = ErrorKind(code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_TOO_MANY_CERTIFICATES)
MALFORMED_PROVIDER_RESPONSE = ErrorKind(code_pb2.INTERNAL, reasons.ERROR_REASON_MALFORMED_PROVIDER_RESPONSE)
UNAUTHENTICATED = ErrorKind(code_pb2.UNAUTHENTICATED, reasons.ERROR_REASON_UNAUTHENTICATED)
TOKEN_KEYS_UNAVAILABLE = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_TOKEN_KEYS_UNAVAILABLE, retryable=True)
PERMISSION_DENIED = ErrorKind(code_pb2.PERMISSION_DENIED, reasons.ERROR_REASON_PERMISSION_DENIED)
CALLER_RATE_LIMITED = ErrorKind(code_pb2.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_CALLER_RATE_LIMITED, retryable=True)
SERVER_BUSY = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_SERVER_BUSY, retryable=True)
AUDIT_UNAVAILABLE = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_AUDIT_UNAVAILABLE)
AUDIT_OUTCOME_LOST = ErrorKind(code_pb2.UNKNOWN, reasons.ERROR_REASON_AUDIT_OUTCOME_LOST)
AUDIT_QUERY_NOT_CONFIGURED = ErrorKind(code_pb2.UNIMPLEMENTED, reasons.ERROR_REASON_AUDIT_QUERY_NOT_CONFIGURED)
AUDIT_QUERY_UNAVAILABLE = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_AUDIT_QUERY_UNAVAILABLE, retryable=True)
AUDIT_QUERY_TIMEOUT = ErrorKind(code_pb2.DEADLINE_EXCEEDED, reasons.ERROR_REASON_AUDIT_QUERY_TIMEOUT)
AUDIT_QUERY_IN_PROGRESS = ErrorKind(
    code_pb2.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_AUDIT_QUERY_IN_PROGRESS, retryable=True
)
AUDIT_RECORD_NOT_FOUND = ErrorKind(code_pb2.NOT_FOUND, reasons.ERROR_REASON_AUDIT_RECORD_NOT_FOUND)
INTERNAL_ERROR = ErrorKind(code_pb2.INTERNAL, reasons.ERROR_REASON_INTERNAL_ERROR)
SERVER_DRAINING = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_SERVER_DRAINING, retryable=True)
CUT_OFF = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_SERVER_DRAINING, retryable_if_idempotent=True)
"""The drain ended while the call was in progress: the upstream may have acted."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of the contract.

    field: path of the field; empty for the message as a whole. reason: a more specific published reason, if any.
    """

    field: str
    description: str
    reason: Reason | None = None

    def __str__(self) -> str:
        return f"{self.field}: {self.description}" if self.field else self.description


class GatewayError(Exception):
    """A failed call.

    kind: status code and reason. message: text for the caller.
    metadata: entries of `ErrorInfo.metadata` in addition to provider, upstream_code and http_status.
    resource: full name of the resource that the error is about, for `ResourceInfo`.
    retry_after: seconds before a retry; None for the default backoff.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        resource: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.metadata = dict(metadata or {})
        self.resource = resource
        self.retry_after = retry_after


class InvalidRequest(GatewayError):
    """A request that is rejected before it reaches an upstream.

    If all violations have the same reason, it is the reason of the call, as if the upstream had rejected the request.
    """

    def __init__(
        self,
        violations: Sequence[Violation],
        *,
        kind: ErrorKind = INVALID_REQUEST,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        text = "; ".join(str(violation) for violation in violations)
        reasons_found = {violation.reason for violation in violations}
        reason = reasons_found.pop() if len(reasons_found) == 1 else None
        super().__init__(kind if reason is None else ErrorKind(kind.code, reason), text, metadata=metadata)
        self.violations = tuple(violations)


class UpstreamError(GatewayError):
    """An upstream failed, rejected the request, or could not be reached.

    upstream_code: the vendor's own code, as text. http_status: None if no response arrived.
    upstream_message: the sanitized message of the vendor, for the audit record and the span, never for the caller.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        provider: str,
        upstream_code: str | None = None,
        upstream_message: str | None = None,
        http_status: int | None = None,
        metadata: Mapping[str, str] | None = None,
        resource: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(kind, message, metadata=metadata, resource=resource, retry_after=retry_after)
        self.provider = provider
        self.upstream_code = upstream_code
        self.upstream_message = upstream_message
        self.http_status = http_status
        self.metadata["provider"] = provider
        if upstream_code is not None:
            self.metadata["upstream_code"] = upstream_code
        if http_status is not None:
            self.metadata["http_status"] = str(http_status)


class MalformedResponse(UpstreamError):
    """A successful response that the gateway cannot parse; `message` says what is wrong with it."""

    def __init__(self, message: str, *, provider: str, http_status: int | None = None) -> None:
        super().__init__(MALFORMED_PROVIDER_RESPONSE, message, provider=provider, http_status=http_status)
