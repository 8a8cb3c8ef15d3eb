"""Rows of audit records from events."""

from typing import Any

import orjson
import pytest

from gateway.audit import events
from gateway.audit.call_facts import CallResult, CallSource
from gateway.audit.events import CallEvents
from gateway.audit_query.rows import RecordedEvent, audit_record, resource_keys
from gateway.authz.decision import Decision
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_FAILURE,
    AUDIT_OUTCOME_PENDING,
    AUDIT_OUTCOME_SUCCESS,
    AUDIT_OUTCOME_UNKNOWN,
    AuditRecord,
)
from tests.support.call_details import BEGAN, KEY, LATER, call_details

CERTIFICATE = "providers/nhn-certs/certificates/www.example.com"


def row(*recorded: bytes | dict[str, Any]) -> AuditRecord:
    parsed = [orjson.loads(each) if isinstance(each, bytes) else each for each in recorded]
    events_ = [RecordedEvent(f"gw-1:{number}:ab", event) for number, event in enumerate(parsed, 1)]
    found = audit_record("journal-1", events_)
    assert found is not None
    return found


def call(result: CallResult | None = None, **changes: Any) -> AuditRecord:
    """Return the row of a call with these details and this result."""
    call_events = CallEvents(call_details(**changes), BEGAN)
    outcome = call_events.outcome(result or CallResult(events.SUCCESS, "OK", LATER))
    return row(call_events.intent(), outcome)


def test_row_of_a_call_has_every_column() -> None:
    found = call()
    assert found.start_time.ToMilliseconds() == round(BEGAN.epoch * 1000)
    assert found.duration.ToMicroseconds() == 2000
    found.ClearField("start_time")
    found.ClearField("duration")
    assert found == AuditRecord(
        request_id="r-1", caller="spiffe://example.org/web", action="Encrypt", resources=[KEY],
        outcome=AUDIT_OUTCOME_SUCCESS, policies=["orders"], calls=1, peer_address="10.1.2.3",
        caller_request_id="order-42", audit_logs=["auditLogs/nhn-keys"], journal="journal-1", receipt="gw-1:2:ab",
    )  # fmt: skip


def test_row_names_the_surface() -> None:
    assert call(source=CallSource("10.1.2.3:4242", surface="vault")).surface == "vault"


def test_outcome_alone_makes_the_same_row() -> None:
    call_events = CallEvents(call_details(), BEGAN)
    outcome = call_events.outcome(CallResult(events.SUCCESS, "OK", LATER))
    alone, both = row(outcome), row(call_events.intent(), outcome)
    both.receipt = alone.receipt
    assert alone == both


def test_intent_alone_is_pending() -> None:
    found = row(CallEvents(call_details(), BEGAN).intent())
    assert found.outcome == AUDIT_OUTCOME_PENDING
    assert not found.HasField("duration")


def test_call_in_flight_when_the_gateway_stopped_is_unknown() -> None:
    intent = orjson.loads(CallEvents(call_details(), BEGAN).intent())
    found = row(intent, events.unknown_outcome(intent))
    assert (found.outcome, found.status, found.reason) == (AUDIT_OUTCOME_UNKNOWN, 2, "GATEWAY_STOPPED")
    assert found.start_time.ToMilliseconds() == round(BEGAN.epoch * 1000)
    assert not found.HasField("duration")


@pytest.mark.parametrize(("flag", "private"), [(True, True), (False, False)])
def test_action_names_the_private_key(flag: bool, private: bool) -> None:
    request = {"include_private_key": True} if flag else {}
    found = call(name="DownloadCertificate", resources=[("keyway.dev/Certificate", CERTIFICATE)], request=request)
    assert found.action == "DownloadCertificate" + ("WithPrivateKey" if private else "")
    assert found.private_material is private


def test_secret_is_private_material() -> None:
    assert call(name="GetSecret").private_material


def test_denied_call() -> None:
    denied = Decision("Encrypt", "keyway.dev/Key", KEY, False)
    result = CallResult(events.FAILURE, "PERMISSION_DENIED", LATER, "PERMISSION_DENIED")
    found = call(result, decisions=(denied,))
    assert (found.denied, list(found.policies), found.outcome) == (True, [], AUDIT_OUTCOME_FAILURE)


def test_permission_denied_by_an_upstream_is_not_a_denial() -> None:
    found = call(CallResult(events.FAILURE, "PERMISSION_DENIED", LATER, "KEYSTORE_PASSWORD_INCORRECT"))
    assert (found.denied, found.status) == (False, 7)


def test_batch_with_a_denied_item_is_denied() -> None:
    decisions = [Decision("Encrypt", "keyway.dev/Key", KEY, allowed, ("p",)) for allowed in (True, False)]
    found = call(name="BatchEncrypt", decisions=decisions)
    assert (found.action, found.denied, found.private_material) == ("BatchEncrypt", True, False)


def test_list_over_all_providers_that_omits_some_is_not_denied() -> None:
    decisions = [Decision("ListCertificates", "keyway.dev/Provider", "providers/a", each) for each in (True, False)]
    found = call(name="ListCertificates", decisions=decisions, resources=[("keyway.dev/Provider", "providers/-")])
    assert not found.denied
    assert found.audit_logs == ["auditLogs/keyway:gateway"]


@pytest.mark.parametrize(
    ("names", "logs"),
    [
        ([], ["keyway:gateway"]),
        ([KEY, "providers/a/keys/b", "providers/a/keys/c"], ["a", "nhn-keys"]),
        (["providers/-", KEY], ["keyway:gateway", "nhn-keys"]),
        (["auditLogs/nhn-keys"], ["keyway:gateway"]),
        (["providers/"], ["keyway:gateway"]),
        (["no name"], ["keyway:gateway"]),
    ],
)
def test_audit_logs_follow_from_the_resources(names: list[str], logs: list[str]) -> None:
    found = call(resources=[("keyway.dev/Key", name) for name in names])
    assert found.audit_logs == [f"auditLogs/{log}" for log in logs]


def test_row_of_rejections_counts_the_calls() -> None:
    methods = {"keyway.v1.KeyService/Encrypt": 3}
    found = row(events.refusals("10.0.0.9", "UNAUTHENTICATED", "UNAUTHENTICATED", first=5, last=6, methods=methods))
    assert (found.request_id, found.caller, found.action, found.calls) == ("", "unknown", "Encrypt", 3)
    assert (found.start_time.seconds, found.peer_address, found.status) == (5, "10.0.0.9", 16)
    assert found.audit_logs == ["auditLogs/keyway:gateway"]


def test_rejections_of_several_methods_and_addresses_name_none() -> None:
    methods = {"keyway.v1.KeyService/Encrypt": 3, "unknown": 1}
    found = row(events.refusals("", "UNAUTHENTICATED", "UNAUTHENTICATED", first=5, last=6, methods=methods))
    assert (found.action, found.peer_address, found.calls) == ("", "", 4)


def test_row_of_repetitions_counts_the_calls() -> None:
    found = row(events.repetitions(call_details(), count=12, first=BEGAN.epoch, last=BEGAN.epoch + 60))
    assert (found.request_id, found.calls, found.action) == ("", 12, "Encrypt")
    assert found.start_time.ToMilliseconds() == round(BEGAN.epoch * 1000)
    assert not found.HasField("duration")


def test_address_without_a_port_is_the_peer() -> None:
    assert call(source=CallSource("unix:")).peer_address == "unix:"
    assert call(source=CallSource("[2001:db8::1]:443")).peer_address == "2001:db8::1"


def test_rejections_of_an_older_version_state_only_the_reason() -> None:
    event = orjson.loads(events.refusals("a", "UNAVAILABLE", "SERVER_BUSY", first=5, last=6, methods={"x/Y": 1}))
    event["api"]["response"]["code"] = "SERVER_BUSY"
    del event["status_code"]
    assert (row(event).status, row(event).reason) == (14, "SERVER_BUSY")


def test_outcome_of_an_older_version_makes_the_same_row() -> None:
    call_events = CallEvents(call_details(), BEGAN)
    outcome = orjson.loads(call_events.outcome(CallResult(events.SUCCESS, "OK", LATER)))
    expected = row(outcome)
    outcome["api"]["response"]["code"] = "OK"
    outcome["trace"] = {"uid": "1" * 32, "span": {"uid": "2" * 16}}
    del outcome["start_time"], outcome["unmapped"]["span_uid"], outcome["unmapped"]["authorizations"]
    authorization = outcome["actor"]["authorizations"][0]
    authorization.update({"action": "Encrypt", "resource": KEY})
    assert row(outcome) == expected


def test_event_of_an_unknown_kind_makes_no_row() -> None:
    assert audit_record("j", [RecordedEvent("r", {"metadata": {"event_code": "future"}})]) is None


HOSTILE: tuple[Any, ...] = (None, 1, -1, 1 << 62, 1.5, True, "", "\0'\"--", "x" * 5000, [], [1], [{}], {}, {"uid": 1})


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_member_of_an_unexpected_type_causes_no_error(value: Any) -> None:
    event = orjson.loads(CallEvents(call_details(), BEGAN).outcome(CallResult(events.SUCCESS, "OK", LATER)))
    refusals = orjson.loads(events.refusals("", "OK", "OK", first=5, last=6, methods={"x/Y": 1}))
    for original in (event, refusals):
        for name in original:
            changed = {**original, name: value}
            if name == "metadata":
                assert audit_record("j", [RecordedEvent("r", changed)]) is None
                continue
            found = row(changed)
            assert AuditRecord.FromString(found.SerializeToString()) == found
            for member in original[name] if isinstance(original[name], dict) else ():
                row({**original, name: {**original[name], member: value}})


def test_resource_is_selected_by_its_names_and_those_of_its_parents() -> None:
    assert resource_keys("providers/p/keys/k/versions/3") == {
        "providers/p/keys/k/versions/3", "p/3", "3", "providers/p/keys/k", "p/k", "k", "providers/p", "p",
    }  # fmt: skip
    assert resource_keys("") == {""}


def test_name_with_many_segments_has_few_keys() -> None:
    name = "providers/p/" + "a/" * 500
    assert len(resource_keys(name)) < 20
    assert name in resource_keys(name)
