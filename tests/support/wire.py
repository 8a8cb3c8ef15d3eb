"""The failure of a call as a caller receives it: the status, its details, and its trailers.

`failure_of` also checks what is true for every failure: the details agree with the status line, and the trailers agree
with the details.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

DetailT = TypeVar("DetailT", bound=Message)

REQUEST_ID = "keyway-request-id"
DETAILS = "grpc-status-details-bin"
PUSHBACK = "grpc-retry-pushback-ms"

DEFAULT_RETRY: Final[Any] = pytest.approx(1.0, abs=0.5)
"""The retry delay of an error without a known delay, in seconds. It is random."""


def requested_retry(seconds: float) -> Any:
    """Return the retry delay of an error for which the upstream requested a delay. It is up to 25 % longer."""
    return pytest.approx(1.125 * seconds, abs=0.125 * seconds + 0.001)


class WireViolation(NamedTuple):
    """One field violation of a BadRequest."""

    field: str
    description: str
    reason: str = ""


class WireResource(NamedTuple):
    """A ResourceInfo, without its description."""

    type: str
    name: str


@dataclass(frozen=True)
class Failure:
    """A failed call. retry: seconds, None without RetryInfo. everything: all bytes that the caller received."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: Mapping[str, str]
    request_id: str
    retry: float | None
    violations: tuple[WireViolation, ...]
    resource: WireResource | None
    everything: bytes

    @property
    def kind(self) -> tuple[str, str]:
        """The status code and the reason."""
        return self.code.name, self.reason

    @property
    def fields(self) -> list[str]:
        """The fields in BadRequest."""
        return [violation.field for violation in self.violations]


async def failure_of(call: Awaitable[Any]) -> Failure:
    """Return the failure of a call. Raise AssertionError if the call succeeds or the parts contradict each other."""
    try:
        response = await call
    except grpc.aio.AioRpcError as error:
        return read(error)
    raise AssertionError(f"the call succeeded with a {type(response).__name__}")


def read(error: grpc.aio.AioRpcError) -> Failure:
    """Return the parts of a failure with details."""
    trailers = trailers_of(error)
    status = status_pb2.Status.FromString(bytes_of(trailers[DETAILS]))
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    failure = parse(status)
    assert text_of(trailers[REQUEST_ID]) == failure.request_id
    pushback = trailers.get(PUSHBACK)
    assert (pushback is None) == (failure.retry is None), "RetryInfo and the pushback trailer occur together"
    if pushback is not None and failure.retry is not None:
        assert int(pushback) == round(failure.retry * 1000)
    return failure


def parse(status: status_pb2.Status) -> Failure:
    """Return the parts of a status. An item of a batch also has such a status."""
    info, request = _only(status, error_details_pb2.ErrorInfo), _only(status, error_details_pb2.RequestInfo)
    assert info is not None, "every failure has an ErrorInfo"
    assert request is not None, "every failure has a RequestInfo"
    assert info.domain == "keyway"
    assert request.request_id
    retry = _only(status, error_details_pb2.RetryInfo)
    bad = _only(status, error_details_pb2.BadRequest)
    resource = _only(status, error_details_pb2.ResourceInfo)
    return Failure(
        code=_CODES[status.code],
        message=status.message,
        reason=info.reason,
        metadata=dict(info.metadata),
        request_id=request.request_id,
        retry=retry.retry_delay.ToTimedelta().total_seconds() if retry else None,
        violations=tuple(
            WireViolation(each.field, each.description, each.reason) for each in (bad.field_violations if bad else ())
        ),
        resource=WireResource(resource.resource_type, resource.resource_name) if resource else None,
        everything=status.SerializeToString(),
    )


def trailers_of(error: grpc.aio.AioRpcError) -> dict[str, str | bytes]:
    """Return the trailers by name. No name occurs twice."""
    pairs = list(error.trailing_metadata() or ())
    trailers = dict(pairs)
    assert len(trailers) == len(pairs)
    return trailers


def text_of(value: str | bytes) -> str:
    """Return a text trailer."""
    assert isinstance(value, str)
    return value


def bytes_of(value: str | bytes) -> bytes:
    """Return a binary trailer."""
    assert isinstance(value, bytes)
    return value


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def _only(status: status_pb2.Status, kind: type[DetailT]) -> DetailT | None:
    """Return the detail of this type, or None. Two details of one type are a defect."""
    found = [message for detail in status.details if detail.Unpack(message := kind())]
    assert len(found) <= 1, f"{kind.__name__} occurs {len(found)} times"
    return found[0] if found else None
