"""The gateway's errors: the one exception type that crosses its module boundaries, and its closed set of kinds.

    GatewayError                  a call that ends in something else than its response
    ├─ InvalidRequest             the request breaks the contract, or a limit of the provider; carries the violations
    └─ UpstreamError              an upstream failed, refused or could not be reached; carries what it said
       └─ MalformedResponse       an upstream's success that can't be understood

Every kind is an `Outcome`: a gRPC status with a reason of `keyway.v1.ErrorReason`. The gateway's own outcomes stand
below; those of the HTTP exchange in `upstream/outcomes.py`; each vendor's codes in `providers/<upstream>/errors.py`.
Adapters and the HTTP client raise these and nothing else; only `server/` turns them into gRPC statuses.
Messages are written for callers: no secret, no upstream text that was not cleaned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from google.rpc import code_pb2

from keyway.v1 import error_reason_pb2 as reasons

Code: TypeAlias = code_pb2.Code
Reason: TypeAlias = reasons.ErrorReason.ValueType


@dataclass(frozen=True, slots=True)
class Outcome:
    """A gRPC status code with its reason.

    retryable: nothing happened upstream, or repeating is safe whatever the method; the caller gets a RetryInfo.
    repeatable: the same, but only for methods that are safe to repeat.
    """

    code: Code
    reason: Reason
    retryable: bool = False
    repeatable: bool = False


INVALID_REQUEST = Outcome(code_pb2.INVALID_ARGUMENT, reasons.ERROR_REASON_INVALID_REQUEST)
INVALID_PAGE_TOKEN = Outcome(code_pb2.INVALID_ARGUMENT, reasons.ERROR_REASON_INVALID_PAGE_TOKEN)
PROVIDER_NOT_FOUND = Outcome(code_pb2.NOT_FOUND, reasons.ERROR_REASON_PROVIDER_NOT_FOUND)
METHOD_NOT_SUPPORTED = Outcome(code_pb2.UNIMPLEMENTED, reasons.ERROR_REASON_METHOD_NOT_SUPPORTED_BY_PROVIDER)
CERTIFICATE_ALREADY_EXISTS = Outcome(code_pb2.ALREADY_EXISTS, reasons.ERROR_REASON_CERTIFICATE_ALREADY_EXISTS)
CERTIFICATE_NOT_FOUND = Outcome(code_pb2.NOT_FOUND, reasons.ERROR_REASON_CERTIFICATE_NOT_FOUND)
PLAINTEXT_NOT_BASE64 = Outcome(code_pb2.FAILED_PRECONDITION, reasons.ERROR_REASON_PLAINTEXT_NOT_BASE64)
MALFORMED_PROVIDER_RESPONSE = Outcome(code_pb2.INTERNAL, reasons.ERROR_REASON_MALFORMED_PROVIDER_RESPONSE)
UNAUTHENTICATED = Outcome(code_pb2.UNAUTHENTICATED, reasons.ERROR_REASON_UNAUTHENTICATED)
PERMISSION_DENIED = Outcome(code_pb2.PERMISSION_DENIED, reasons.ERROR_REASON_PERMISSION_DENIED)
CALLER_RATE_LIMITED = Outcome(code_pb2.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_CALLER_RATE_LIMITED, retryable=True)
SERVER_BUSY = Outcome(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_SERVER_BUSY, retryable=True)
AUDIT_UNAVAILABLE = Outcome(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_AUDIT_UNAVAILABLE)
AUDIT_OUTCOME_LOST = Outcome(code_pb2.UNKNOWN, reasons.ERROR_REASON_AUDIT_OUTCOME_LOST)
INTERNAL_ERROR = Outcome(code_pb2.INTERNAL, reasons.ERROR_REASON_INTERNAL_ERROR)
UNAUTHENTICATED = Outcome(code_pb2.UNAUTHENTICATED, reasons.ERROR_REASON_UNAUTHENTICATED)
SERVER_DRAINING = Outcome(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_SERVER_DRAINING, retryable=True)
CUT_OFF = Outcome(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_SERVER_DRAINING, repeatable=True)
"""By the end of the drain, in the midst of the call: the upstream may have acted."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that breaks the contract. `reason` narrows it down where a published reason fits."""

    field: str
    description: str
    reason: Reason | None = None


class GatewayError(Exception):
    """A call that ends in `outcome`.

    metadata: for `ErrorInfo.metadata`, beside provider, upstream_code and http_status.
    resource: the full name of the resource that is at fault, for `ResourceInfo`.
    retry_after: seconds, where it is known better than the default back-off.
    """

    def __init__(
        self,
        outcome: Outcome,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        resource: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.metadata = dict(metadata or {})
        self.resource = resource
        self.retry_after = retry_after


class InvalidRequest(GatewayError):
    """The request can't be served as it is; nothing was asked of an upstream."""

    def __init__(self, violations: Sequence[Violation], *, outcome: Outcome = INVALID_REQUEST) -> None:
        text = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
        super().__init__(outcome, text)
        self.violations = tuple(violations)


class UpstreamError(GatewayError):
    """An upstream failed, refused, or could not be reached.

    upstream_code: the vendor's own code, as text; http_status: where there was an answer.
    upstream_message: the vendor's words, cleaned; for the audit record and the span, not for the caller.
    """

    def __init__(
        self,
        outcome: Outcome,
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
        super().__init__(outcome, message, metadata=metadata, resource=resource, retry_after=retry_after)
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
    """The upstream said success, but its answer can't be understood; `message` says what is wrong with it."""

    def __init__(self, message: str, *, provider: str, http_status: int | None = None) -> None:
        super().__init__(MALFORMED_PROVIDER_RESPONSE, message, provider=provider, http_status=http_status)
