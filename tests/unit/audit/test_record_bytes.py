"""The bytes of audit records: parts that are serialized beforehand give the same bytes as the whole object."""

import itertools
from collections.abc import Iterator

import orjson
import pytest

from gateway.audit import events
from gateway.audit.call_facts import CallDetails, CallResult
from gateway.audit.events import CallEvents
from gateway.authz.decision import Decision
from gateway.contract.methods import METHODS, Method
from gateway.identity.caller import ANONYMOUS
from tests.support.call_details import BEGAN, KEY, LATER, call_details

TEXTS = ("", "a", 'quote " backslash \\ line\n', "e\u0301 中文 \u2028 \x7f")
ATTEMPT = {"provider": "é", "method": "POST", "http_status": None, "duration_us": 12}


def calls(text: str) -> Iterator[CallDetails]:
    """Calls with the text wherever a caller can send one, and with none, one, and several of each part."""
    decision = Decision("Encrypt", "keyway.dev/Key", text, True, ("orders", text))
    for count, present in itertools.product((0, 1, 2, 5), (True, False)):
        yield call_details(
            caller_request_id=text,
            caller=call_details().caller if present else ANONYMOUS,
            resources=[("keyway.dev/Key", text or KEY)] * count,
            decisions=(decision,) * count,
            request={"plaintext": {"hmac_sha256": "ab"}, "text": text} if present else {},
            trace_id="1" * 32 if present else "",
        )


def results(text: str) -> Iterator[CallResult]:
    """Results with the text wherever an upstream can send one, and with every optional fact present and absent."""
    for status_id, code in ((events.SUCCESS, "OK"), (events.FAILURE, "NOT_FOUND"), (events.UNKNOWN, "CANCELLED")):
        yield CallResult(status_id, code, LATER)
        yield CallResult(
            status_id,
            code,
            LATER,
            reason=text,
            upstream_code=text,
            upstream_message=text,
            http_status=0 if text else 503,
            key_version=0 if text else 7,
            attempts=[ATTEMPT] * len(text[:2]),
            items=[{"name": text}] * len(text[:2]),
            response={"ciphertext": {"characters": 3, "hmac_sha256": text}},
        )


def is_plainly_serialized(record: bytes) -> bool:
    """Whether the bytes are those that serializing the whole object gives: same order, no space, nothing twice."""
    return orjson.dumps(orjson.loads(record)) == record


@pytest.mark.parametrize("text", TEXTS)
def test_records_have_the_bytes_of_the_whole_object(text: str) -> None:
    for call in calls(text):
        made = CallEvents(call, BEGAN)
        assert is_plainly_serialized(made.intent())
        for result in results(text):
            assert is_plainly_serialized(made.outcome(result))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_records_of_every_method_have_the_bytes_of_the_whole_object(method: Method) -> None:
    made = CallEvents(call_details(method=method), BEGAN)
    assert is_plainly_serialized(made.intent())
    assert is_plainly_serialized(made.outcome(CallResult(events.SUCCESS, "OK", LATER)))


def test_outcome_has_its_members_in_the_order_of_earlier_versions() -> None:
    result = CallResult(
        events.FAILURE,
        "NOT_FOUND",
        LATER,
        "KEY_NOT_FOUND",
        "-1",
        "no key",
        404,
        7,
        [ATTEMPT],
        [{"name": KEY}],
        {"a": 1},
    )
    outcome = orjson.loads(CallEvents(call_details(), BEGAN).outcome(result))
    assert list(outcome["api"]["response"]) == ["code", "error", "error_message", "data"]
    of_result = ["duration_us", "upstream_code", "http_status", "key_version", "attempts", "items"]
    assert list(outcome["unmapped"]) == [*of_result, "authorizations", "span_uid"]
    last = ["status_id", "status", "status_code", "start_time", "duration", "status_detail", "unmapped"]
    assert list(outcome)[-len(last) :] == last
