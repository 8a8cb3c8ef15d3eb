"""Every kind of event against the published schema of OCSF."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.rpc import code_pb2

from gateway.audit import events
from gateway.audit.call_facts import CallResult, CallSource
from gateway.audit.events import CallEvents
from gateway.authz.decision import Decision
from gateway.contract.methods import METHODS
from gateway.identity.caller import ANONYMOUS, Caller
from tests.support.call_details import BEGAN, KEY, LATER, call_details
from tests.support.ocsf import ocsf_violations

DECISIONS = (
    Decision("Encrypt", "keyway.dev/Key", KEY, True, ("orders", "everyone")),
    Decision("Encrypt", "keyway.dev/Key", f"{KEY}-missing", False),
)
FAILURE = CallResult(
    events.FAILURE,
    "NOT_FOUND",
    LATER,
    "KEY_NOT_FOUND",
    upstream_code="-1",
    upstream_message="Invalid Key ID",
    http_status=400,
    key_version=0,
    attempts=[{"provider": "nhn-keys", "method": "POST", "http_status": 400, "duration_us": 1200}],
    items=[{"name": KEY, "code": "NOT_FOUND", "reason": "KEY_NOT_FOUND"}],
    response={"ciphertext": {"bytes": 12, "sha256": "ab"}},
)
CALLS: dict[str, dict[str, Any]] = {
    "all members": {"decisions": DECISIONS},
    "no optional members": {
        "caller": ANONYMOUS,
        "source": CallSource(""),
        "resources": (),
        "decisions": (),
        "request": {},
        "caller_request_id": "",
        "trace_id": "",
        "span_id": "",
    },
    "a caller with a token": {"caller": Caller("web", "jwt", "https://issuer.example", ("admins", "web"))},
    "a certificate with a DNS name": {"caller": Caller("web.example.org", "dns")},
    "a name that is not in NFC": {"resources": [("keyway.dev/Key", "providers/p/keys/e\u0301")]},
    "an IPv6 address": {"source": CallSource("[::1]:50051")},
}
REFUSALS = {
    "one peer": ("10.1.2.3", "UNAUTHENTICATED", "UNAUTHENTICATED"),
    "many peers": ("", "UNIMPLEMENTED", "UNIMPLEMENTED"),
    "a canceled call": ("::1", "CANCELLED", "CANCELLED"),
}


def events_of_calls() -> Iterator[Any]:
    for name, changes in CALLS.items():
        made = CallEvents(call_details(**changes), BEGAN)
        yield pytest.param(made.intent(), id=f"intent of {name}")
        yield pytest.param(made.outcome(CallResult(events.SUCCESS, "OK", LATER)), id=f"success of {name}")
        yield pytest.param(made.outcome(FAILURE), id=f"failure of {name}")
        unknown = events.unknown_outcome(json.loads(made.intent()))
        yield pytest.param(json.dumps(unknown), id=f"unknown outcome of {name}")
    for name, (peer, code, reason) in REFUSALS.items():
        event = events.refusals(peer, code, reason, first=1.0, last=2.5, methods={"keyway.v1.KeyService/Encrypt": 3})
        yield pytest.param(event, id=f"rejections of {name}")
    for name, changes in CALLS.items():
        event = events.repetitions(call_details("GetAuditRecord", **changes), count=7, first=1.0, last=2.5)
        yield pytest.param(event, id=f"repetitions of {name}")


@pytest.mark.parametrize("event", list(events_of_calls()))
def test_event_conforms_to_ocsf(event: bytes) -> None:
    assert ocsf_violations(json.loads(event)) == []


@pytest.mark.parametrize("name", [method.name for method in METHODS])
def test_events_of_every_method_conform_to_ocsf(name: str) -> None:
    made = CallEvents(call_details(name), BEGAN)
    for event in (made.intent(), made.outcome(FAILURE)):
        assert ocsf_violations(json.loads(event)) == []


@pytest.mark.parametrize("code", code_pb2.Code.keys())
def test_response_has_the_number_of_the_status(code: str) -> None:
    outcome = json.loads(CallEvents(call_details(), BEGAN).outcome(CallResult(events.FAILURE, code, LATER)))
    assert outcome["api"]["response"]["code"] == code_pb2.Code.Value(code)
    assert outcome["status_code"] == code
    assert ocsf_violations(outcome) == []


def test_violations_are_found() -> None:
    """The validator must not accept everything."""
    event = json.loads(CallEvents(call_details(), BEGAN).intent())
    event["api"]["response"] = {"code": "OK"}
    event["actor"]["authorizations"][0]["resource"] = KEY
    del event["time"]
    assert len(ocsf_violations(event)) == 3
