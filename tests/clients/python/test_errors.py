"""Conversion of gRPC errors to KeywayError."""

import pickle
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

from keyway import KeywayError, Violation

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Failed(grpc.RpcError):
    """An error with the methods of a call, like the errors of gRPC."""

    def __init__(self, trailers: Any) -> None:
        self._trailers = trailers

    def code(self) -> Any:
        return UNAVAILABLE

    def details(self) -> Any:
        return "the message"

    def trailing_metadata(self) -> Any:
        return self._trailers


def status(*details: Any) -> Status:
    made = Status(code=14, message="the message")
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        made.details.append(packed)
    return made


FULL = status(
    error_details_pb2.RequestInfo(request_id="not read"),
    error_details_pb2.ErrorInfo(reason="PROVIDER_BUSY", domain="keyway", metadata={"provider": "nhn-keys"}),
    error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field="name", description="is required"),
            error_details_pb2.BadRequest.FieldViolation(field="plaintext", description="is too long"),
        ]
    ),
    error_details_pb2.ResourceInfo(resource_type="keyway.dev/Key", resource_name="providers/nhn-keys/keys/a"),
    error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)),
)


def test_all_details_are_read() -> None:
    trailers = (
        ("keyway-request-id", "id-1"),
        ("keyway-audit-receipt", "chain:1:hash"),
        ("grpc-status-details-bin", FULL.SerializeToString()),
    )
    error = KeywayError.of(Failed(trailers))
    assert (error.code, error.message, error.reason) == (UNAVAILABLE, "the message", "PROVIDER_BUSY")
    assert error.metadata == {"provider": "nhn-keys"}
    assert error.violations == (Violation("name", "is required"), Violation("plaintext", "is too long"))
    assert error.retry_delay == 1.5
    assert error.resource == "providers/nhn-keys/keys/a"
    assert (error.request_id, error.receipt) == ("id-1", "chain:1:hash")
    assert str(error) == "UNAVAILABLE PROVIDER_BUSY: the message (request id-1)"


def test_error_without_details() -> None:
    for error in (KeywayError.of(Failed(None)), KeywayError.of(Failed(()))):
        assert (error.code, error.reason, error.metadata, error.violations) == (UNAVAILABLE, "", {}, ())
        assert error.retry_delay is None
        assert str(error) == "UNAVAILABLE: the message"


def test_malformed_details_are_ignored() -> None:
    error = KeywayError.of(Failed((("grpc-status-details-bin", b"\xff\xff\xff"), ("keyway-request-id", "id-1"))))
    assert (error.message, error.reason, error.request_id) == ("the message", "", "id-1")


def test_reason_of_another_domain_is_ignored() -> None:
    foreign = error_details_pb2.ErrorInfo(reason="ROUTE_NOT_FOUND", domain="proxy.example", metadata={"route": "r"})
    error = KeywayError.of_status(status(foreign))
    assert (error.reason, error.metadata) == ("", {})


def test_error_without_a_call_is_unknown() -> None:
    assert KeywayError.of(grpc.RpcError()).code is grpc.StatusCode.UNKNOWN


def test_status_of_a_batch_item_is_read() -> None:
    error = KeywayError.of_status(FULL)
    assert (error.code, error.message, error.reason) == (UNAVAILABLE, "the message", "PROVIDER_BUSY")
    assert KeywayError.of_status(Status(code=999)).code is grpc.StatusCode.UNKNOWN


def test_error_can_be_pickled() -> None:
    error = KeywayError.of_status(FULL)
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.reason, again.violations) == (error.code, error.reason, error.violations)
    assert (again.retry_delay, str(again)) == (error.retry_delay, str(error))
