"""The conversion of gateway errors to `google.rpc.Status` with details, and the trailers of every response."""

import random
from collections.abc import Sequence
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from gateway.contract.resource_names import RESOURCES
from gateway.errors import GatewayError, InvalidRequest, UpstreamError, reason_name
from gateway.journal.format.records import Receipt

DOMAIN: Final = "keyway"
REQUEST_ID_TRAILER: Final = "keyway-request-id"
STATUS_TRAILER: Final = "grpc-status-details-bin"
PUSHBACK_TRAILER: Final = "grpc-retry-pushback-ms"
STALE_TRAILER: Final = "keyway-stale-seconds"
RECEIPT_TRAILER: Final = "keyway-audit-receipt"

DEFAULT_RETRY_SECONDS: Final = (0.5, 1.5)
"""Random, because calls that fail together, as when an upstream ends, would otherwise be retried together."""
LONGER_RETRY: Final = 0.25
"""The delay that an upstream requests is prolonged by up to this share, because it is the same for many calls."""
MAXIMUM_RETRY_SECONDS: Final = 3600.0
# Clients accept at most 8 KiB of trailers. A resource name alone can take 4 KiB in Base64.
MAXIMUM_MESSAGE_CHARACTERS: Final = 640
_MAXIMUM_METADATA_CHARACTERS: Final = 128

Trailers = tuple[tuple[str, str | bytes], ...]

STATUS_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


def to_status(error: GatewayError, *, idempotent: bool, request_id: str) -> status_pb2.Status:
    """Return the status of a failed call. idempotent: whether the method is safe to retry."""
    details = [_error_info(error), *_optional_details(error)]
    delay = retry_delay(error, idempotent=idempotent)
    if delay is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=_duration(delay)))
    details.append(error_details_pb2.RequestInfo(request_id=request_id))
    message = _bounded(error.message, MAXIMUM_MESSAGE_CHARACTERS)
    return status_pb2.Status(code=error.kind.code, message=message, details=_pack(details))


def retry_delay(error: GatewayError, *, idempotent: bool) -> float | None:
    """Return the seconds after which the caller may retry the call, or None if it must not retry."""
    upstream_allows_retry = (
        isinstance(error, UpstreamError) and error.http_status == 503 and error.retry_after is not None
    )
    if not (error.kind.retryable or (error.kind.retryable_if_idempotent and (idempotent or upstream_allows_retry))):
        return None
    if error.retry_after is not None:
        is_requested = isinstance(error, UpstreamError) and error.http_status is not None
        factor = random.uniform(1, 1 + LONGER_RETRY) if is_requested else 1  # noqa: S311 - no secret
        return min(error.retry_after * factor, MAXIMUM_RETRY_SECONDS)
    return random.uniform(*DEFAULT_RETRY_SECONDS)  # noqa: S311 - no secret


def trailers(
    request_id: str,
    status: status_pb2.Status | None = None,
    receipt: Receipt | None = None,
    stale_seconds: float | None = None,
) -> Trailers:
    """Return all trailers of a response. An abort discards trailers that were set before, so they are set together."""
    pairs: list[tuple[str, str | bytes]] = [(REQUEST_ID_TRAILER, request_id)]
    if receipt is not None:
        pairs.append((RECEIPT_TRAILER, str(receipt)))
    if stale_seconds is not None:
        pairs.append((STALE_TRAILER, f"{stale_seconds:.0f}"))
    if status is not None:
        pairs.append((STATUS_TRAILER, status.SerializeToString()))
        for detail in status.details:
            retry = error_details_pb2.RetryInfo()
            if detail.Unpack(retry):
                pairs.append((PUSHBACK_TRAILER, str(retry.retry_delay.ToMilliseconds())))
    return tuple(pairs)


def _error_info(error: GatewayError) -> error_details_pb2.ErrorInfo:
    metadata = {key: _bounded(value, _MAXIMUM_METADATA_CHARACTERS) for key, value in error.metadata.items()}
    return error_details_pb2.ErrorInfo(reason=reason_name(error.kind.reason), domain=DOMAIN, metadata=metadata)


def _optional_details(error: GatewayError) -> list[Message]:
    details: list[Message] = []
    if isinstance(error, InvalidRequest):
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.field,
                        description=violation.description,
                        reason=reason_name(violation.reason) if violation.reason is not None else "",
                    )
                    for violation in error.violations
                ]
            )
        )
    if error.resource is not None:
        details.append(
            error_details_pb2.ResourceInfo(resource_type=_resource_type(error.resource), resource_name=error.resource)
        )
    return details


def _resource_type(name: str) -> str:
    for type_name, patterns in RESOURCES.items():
        if any(pattern.parse(name) for pattern in patterns):
            return type_name
    return ""


def _bounded(text: str, maximum: int) -> str:
    """Return `text`, cut to at most `maximum` characters in the percent-encoding that gRPC uses for messages."""
    text, size = text.encode(errors="replace").decode(), 0
    for index, character in enumerate(text):
        size += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode())
        if size > maximum:
            return text[:index] + "…"
    return text


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(max(1, round(seconds * 1000)))
    return duration


def _pack(details: Sequence[Message]) -> list[Any]:
    packed = []
    for detail in details:
        item = Any()
        item.Pack(detail)
        packed.append(item)
    return packed
