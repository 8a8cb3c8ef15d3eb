"""Statuses: details of each kind of error, retry information, and the size of trailers."""

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import errors
from gateway.errors import ErrorKind, GatewayError, InvalidRequest, MalformedResponse, UpstreamError, Violation
from gateway.server import status
from gateway.upstream import outcomes
from keyway.v1 import error_reason_pb2 as reasons

REQUEST = "request-1"
SMALL = 8192
"""The default limit of gRPC clients in bytes, for names, values, and 32 bytes per pair."""

UNAVAILABLE_TO_ALL = ErrorKind(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_SERVER_BUSY, retryable=True)


def details(made: status_pb2.Status) -> dict[str, Message]:
    """Return the details by type. Each type occurs once."""
    found: dict[str, Message] = {}
    for packed in made.details:
        name = packed.TypeName().removeprefix("google.rpc.")
        detail: Message = getattr(error_details_pb2, name)()
        assert packed.Unpack(detail)
        assert name not in found
        found[name] = detail
    return found


def made(error: GatewayError, *, idempotent: bool = False) -> status_pb2.Status:
    return status.to_status(error, idempotent=idempotent, request_id=REQUEST)


def pushback(error: GatewayError, *, idempotent: bool = False) -> str | bytes | None:
    """Return the pushback trailer, which must agree with RetryInfo."""
    answer = made(error, idempotent=idempotent)
    trailer = dict(status.trailers(REQUEST, answer)).get("grpc-retry-pushback-ms")
    retry = details(answer).get("RetryInfo")
    assert (trailer is None) == (retry is None)
    if isinstance(retry, error_details_pb2.RetryInfo):
        assert trailer == str(retry.retry_delay.ToMilliseconds())
    return trailer


def upstream(outcome: ErrorKind, *, http_status: int | None = None, retry_after: float | None = None) -> UpstreamError:
    return UpstreamError(outcome, "failed", provider="warp", http_status=http_status, retry_after=retry_after)


class TestDetails:
    def test_gateway_error_has_error_info_and_request_info(self) -> None:
        answer = made(GatewayError(errors.INTERNAL_ERROR, "internal error"))
        assert (answer.code, answer.message) == (code_pb2.INTERNAL, "internal error")
        assert details(answer) == {
            "ErrorInfo": error_details_pb2.ErrorInfo(reason="INTERNAL_ERROR", domain="keyway"),
            "RequestInfo": error_details_pb2.RequestInfo(request_id=REQUEST),
        }

    def test_invalid_request_has_its_violations(self) -> None:
        error = InvalidRequest(
            [Violation("name", "is required"), Violation("a.b", "is odd", reasons.ERROR_REASON_FILE_TOO_LARGE)]
        )
        answer = made(error)
        assert answer.message == "name: is required; a.b: is odd"
        violation = error_details_pb2.BadRequest.FieldViolation
        assert details(answer)["BadRequest"] == error_details_pb2.BadRequest(
            field_violations=[
                violation(field="name", description="is required"),
                violation(field="a.b", description="is odd", reason="FILE_TOO_LARGE"),
            ]
        )

    def test_upstream_error_has_the_upstream_code(self) -> None:
        error = UpstreamError(
            outcomes.UNRECOGNIZED,
            "refused",
            provider="warp",
            upstream_code="52099",
            upstream_message="words of the vendor",
            http_status=400,
            metadata={"maximum_bytes": "5"},
        )
        answer = made(error)
        info = details(answer)["ErrorInfo"]
        assert isinstance(info, error_details_pb2.ErrorInfo)
        assert info.reason == "UNRECOGNIZED_PROVIDER_ERROR"
        assert dict(info.metadata) == {
            "provider": "warp",
            "upstream_code": "52099",
            "http_status": "400",
            "maximum_bytes": "5",
        }
        assert b"words of the vendor" not in answer.SerializeToString()

    def test_malformed_response_has_no_retry_info(self) -> None:
        answer = made(MalformedResponse("cut off", provider="warp", http_status=200), idempotent=True)
        assert answer.code == code_pb2.INTERNAL
        assert details(answer).keys() == {"ErrorInfo", "RequestInfo"}

    @pytest.mark.parametrize(
        ("name", "type_name"),
        [
            ("providers/p", "keyway.dev/Provider"),
            ("providers/p/certificates/c", "keyway.dev/Certificate"),
            ("providers/p/trustStores/t", "keyway.dev/TrustStore"),
            ("providers/p/trustStores/t/authorities/a", "keyway.dev/TrustedAuthority"),
            ("providers/p/keys/k", "keyway.dev/Key"),
            ("providers/p/keys/k/versions/1", "keyway.dev/KeyVersion"),
            ("providers/p/secrets/s", "keyway.dev/Secret"),
            ("something else", ""),
        ],
    )
    def test_resource_type_of_a_name(self, name: str, type_name: str) -> None:
        answer = made(GatewayError(errors.CERTIFICATE_NOT_FOUND, "not there", resource=name))
        resource = error_details_pb2.ResourceInfo(resource_type=type_name, resource_name=name)
        assert details(answer)["ResourceInfo"] == resource

    @pytest.mark.parametrize("code", [code for code in code_pb2.Code.values() if code != code_pb2.OK])
    def test_every_code_has_its_grpc_status(self, code: code_pb2.Code) -> None:
        assert status.STATUS_CODES[code].name == code_pb2.Code.Name(code)

    @pytest.mark.parametrize("reason", reasons.ErrorReason.values())
    def test_reasons_lose_their_prefix(self, reason: errors.Reason) -> None:
        assert f"ERROR_REASON_{errors.reason_name(reason)}" == reasons.ErrorReason.Name(reason)


class TestRetry:
    @pytest.mark.parametrize("idempotent", [False, True])
    def test_retryable_errors_allow_a_retry(self, *, idempotent: bool) -> None:
        assert pushback(GatewayError(UNAVAILABLE_TO_ALL, "busy"), idempotent=idempotent)
        assert pushback(upstream(outcomes.UNREACHABLE), idempotent=idempotent)

    def test_calls_that_fail_together_are_not_retried_together(self) -> None:
        delays = sorted(int(pushback(upstream(outcomes.UNREACHABLE)) or 0) for _ in range(100))
        assert delays[0] >= 500
        assert delays[-1] <= 1500
        assert delays[-1] - delays[0] > 500

    @pytest.mark.parametrize("idempotent", [False, True])
    def test_errors_with_an_unknown_result_allow_a_retry_of_idempotent_methods(self, *, idempotent: bool) -> None:
        lost, unavailable = upstream(outcomes.CONNECTION_LOST), upstream(outcomes.UNAVAILABLE, http_status=503)
        assert [pushback(error, idempotent=idempotent) is not None for error in (lost, unavailable)] == [idempotent] * 2

    @pytest.mark.parametrize(("http_status", "allows"), [(502, False), (503, True), (504, False)])
    def test_retry_after_of_a_503_allows_a_retry(self, http_status: int, *, allows: bool) -> None:
        error = upstream(outcomes.UNAVAILABLE, http_status=http_status, retry_after=30)
        assert (pushback(error) is not None) == allows
        assert 30_000 <= int(pushback(error, idempotent=True) or 0) <= 37_500

    def test_calls_with_the_same_retry_after_are_not_retried_together(self) -> None:
        error = upstream(outcomes.RATE_LIMITED, http_status=429, retry_after=8)
        delays = sorted(int(pushback(error) or 0) for _ in range(100))
        assert delays[0] >= 8000
        assert delays[-1] <= 10_000
        assert delays[-1] - delays[0] > 1000

    @pytest.mark.parametrize(
        "outcome", [outcomes.TIMEOUT, outcomes.TLS_FAILED, outcomes.INTERNAL, errors.INVALID_REQUEST]
    )
    def test_other_errors_do_not_allow_a_retry(self, outcome: ErrorKind) -> None:
        assert pushback(upstream(outcome, http_status=503, retry_after=1), idempotent=True) is None

    @pytest.mark.parametrize(
        ("retry_after", "expected"),
        [(0.0, "1"), (0.0001, "1"), (2.5, "2500"), (30.0, "30000"), (1e9, "3600000"), (float("inf"), "3600000")],
    )
    def test_retry_delay_is_that_of_the_upstream(self, retry_after: float, expected: str) -> None:
        assert pushback(upstream(outcomes.RATE_LIMITED, retry_after=retry_after)) == expected


class TestTrailers:
    def test_trailers_of_a_success(self) -> None:
        assert status.trailers(REQUEST) == (("keyway-request-id", REQUEST),)

    def test_trailers_of_a_failure(self) -> None:
        answer = made(upstream(outcomes.UNREACHABLE, retry_after=1))
        assert status.trailers(REQUEST, answer) == (
            ("keyway-request-id", REQUEST),
            ("grpc-status-details-bin", answer.SerializeToString()),
            ("grpc-retry-pushback-ms", "1000"),
        )


class TestSize:
    """If the trailers exceed the limit of the client, it sees RESOURCE_EXHAUSTED instead of the error."""

    @pytest.mark.parametrize("character", ["a", "%", "가", "😀", "\n"])
    def test_trailers_with_long_names_and_messages_fit(self, character: str) -> None:
        name = "providers/" + character * 1014
        error = UpstreamError(
            outcomes.RATE_LIMITED,
            character * 100_000,
            provider="warp",
            upstream_code=character * 100_000,
            http_status=429,
            resource=name,
        )
        answer = made(error)
        assert size(answer) < SMALL
        resource = details(answer)["ResourceInfo"]
        assert isinstance(resource, error_details_pb2.ResourceInfo)
        assert resource.resource_name == name
        assert answer.message.endswith("…")

    @pytest.mark.parametrize("length", [1, 639, 640])
    def test_short_messages_are_complete(self, length: int) -> None:
        assert made(GatewayError(errors.INTERNAL_ERROR, "a" * length)).message == "a" * length

    def test_long_messages_are_cut(self) -> None:
        assert made(GatewayError(errors.INTERNAL_ERROR, "a" * 641)).message == "a" * 640 + "…"

    @example("half of a pair: \ud800")
    @given(st.text(st.characters()))
    def test_arbitrary_messages_can_be_sent(self, text: str) -> None:
        answer = made(UpstreamError(outcomes.TIMEOUT, text, provider="warp", upstream_code=text))
        assert answer.SerializeToString()


def size(answer: status_pb2.Status) -> int:
    pairs = [(name, value) for name, value in status.trailers("0" * 36, answer)]
    encoded = sum(
        len(name) + 32 + (len(value) if isinstance(value, str) else -(-len(value) // 3) * 4) for name, value in pairs
    )
    message = sum(
        1 if " " <= character <= "~" and character != "%" else 3
        for character in answer.message.encode().decode("latin-1")
    )
    return encoded + message + len("grpc-message") + len("grpc-status") + 2 + 2 * 32


def test_status_codes_are_those_of_grpc() -> None:
    assert set(status.STATUS_CODES.values()) == set(grpc.StatusCode)
