"""The events of a call as OCSF API Activity."""

import json
from typing import Any

import pytest

from gateway.audit import events, members
from gateway.audit.call_facts import CallDetails, CallResult, CallSource
from gateway.audit.events import CallEvents
from gateway.authz.decision import Decision
from gateway.identity.caller import ANONYMOUS, Caller
from tests.support.call_details import BEGAN, KEY, LATER, call_details


def both(call: CallDetails, ended: CallResult) -> tuple[dict[str, Any], dict[str, Any]]:
    made = CallEvents(call, BEGAN)
    return json.loads(made.intent()), json.loads(made.outcome(ended))


def test_intent_has_the_members_of_api_activity() -> None:
    intent, _ = both(call_details(), CallResult(events.SUCCESS, "OK", LATER))
    assert intent["class_uid"] == 6003
    assert (intent["activity_id"], intent["type_uid"], intent["activity_name"]) == (99, 600399, "Encrypt")
    assert intent["time"] == 1_700_000_000_250
    assert intent["metadata"]["event_code"] == "intent"
    assert intent["api"] == {
        "operation": "keyway.v1.KeyService/Encrypt",
        "service": {"name": "keyway.v1.KeyService"},
        "request": {"uid": "r-1", "data": {"plaintext": {"hmac_sha256": "ab"}}},
    }
    assert intent["actor"]["user"]["name"] == "spiffe://example.org/web"
    assert intent["actor"]["app_name"] == "orders"
    (authorization,) = intent["actor"]["authorizations"]
    assert authorization == {"decision": "allow", "policy": {"uid": "orders"}}
    assert intent["unmapped"]["authorizations"] == [{"action": "Encrypt", "resource": KEY}]
    assert intent["src_endpoint"] == {"ip": "10.1.2.3", "port": 4242}
    assert intent["http_request"] == {"user_agent": "grpc-go/1.70"}
    assert intent["resources"] == [{"type": "keyway.dev/Key", "name": KEY, "uid": KEY}]
    assert intent["trace"] == {"uid": "1" * 32}
    assert intent["unmapped"]["span_uid"] == "2" * 16
    assert intent["observables"][0]["value"] == "order-42"
    assert (intent["status_id"], intent["status"]) == (99, "Pending")


def test_name_that_is_not_in_nfc_is_recorded_in_both_forms() -> None:
    nfc, nfd = "providers/p/keys/\u00e9", "providers/p/keys/e\u0301"
    names = [("keyway.dev/Key", name) for name in (nfd, nfc)]
    for event in both(call_details(resources=names), CallResult(events.SUCCESS, "OK", LATER)):
        assert event["resources"] == [
            {"type": "keyway.dev/Key", "name": nfd, "uid": nfd, "uid_alt": nfc},
            {"type": "keyway.dev/Key", "name": nfc, "uid": nfc},
        ]


def test_outcome_repeats_the_intent_and_adds_the_result() -> None:
    ended = CallResult(
        events.FAILURE,
        "NOT_FOUND",
        LATER,
        "KEY_NOT_FOUND",
        upstream_code="-1",
        upstream_message="Invalid Key ID",
        http_status=200,
        attempts=[{"provider": "nhn-keys", "http_status": 200}],
    )
    intent, outcome = both(call_details(), ended)
    assert outcome["metadata"]["event_code"] == "outcome"
    assert outcome["api"].pop("response") == {
        "code": 5,
        "error": "KEY_NOT_FOUND",
        "error_message": "Invalid Key ID",
    }
    assert (outcome["status_id"], outcome["status"], outcome["status_code"]) == (2, "Failure", "NOT_FOUND")
    assert outcome["status_detail"] == "KEY_NOT_FOUND"
    assert outcome["unmapped"]["upstream_code"] == "-1"
    assert outcome["unmapped"]["http_status"] == 200
    assert outcome["unmapped"]["attempts"] == [{"provider": "nhn-keys", "http_status": 200}]
    assert (outcome["start_time"], outcome["time"]) == (intent["time"], round(LATER.epoch * 1000))
    assert (outcome["duration"], outcome["unmapped"]["duration_us"]) == (2, 2000)
    assert intent["unmapped"].items() <= outcome["unmapped"].items()
    same = intent.keys() - {"metadata", "time", "status", "status_id", "unmapped"}
    assert {key: intent[key] for key in same} == {key: outcome[key] for key in same}


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_duration_does_not_depend_on_changes_of_the_system_clock(step: float) -> None:
    later = LATER._replace(epoch=LATER.epoch + step)
    _, outcome = both(call_details(), CallResult(events.SUCCESS, "OK", later))
    assert (outcome["duration"], outcome["unmapped"]["duration_us"]) == (2, 2000)
    assert outcome["time"] == round(later.epoch * 1000)


def test_key_version_0_is_recorded() -> None:
    assert (
        both(call_details(), CallResult(events.SUCCESS, "OK", LATER, key_version=0))[1]["unmapped"]["key_version"] == 0
    )
    assert "key_version" not in both(call_details(), CallResult(events.SUCCESS, "OK", LATER))[1]["unmapped"]


@pytest.mark.parametrize(
    ("name", "activity"),
    [
        ("CreateCertificate", 1),
        ("GetPublicKey", 2),
        ("InstallSignedCertificate", 3),
        ("DeleteCertificate", 4),
        ("Sign", 99),
    ],
)
def test_activity_follows_the_method(name: str, activity: int) -> None:
    intent, _ = both(call_details(name), CallResult(events.SUCCESS, "OK", LATER))
    assert (intent["activity_id"], intent["type_uid"]) == (activity, 600300 + activity)


def test_denied_call_is_recorded_as_denied() -> None:
    denied = Decision("GetPrivateKey", "keyway.dev/Key", KEY, False, ("no-exports",))
    intent, _ = both(call_details(decisions=(denied,)), CallResult(events.FAILURE, "PERMISSION_DENIED", LATER))
    assert intent["actor"]["authorizations"][0]["decision"] == "deny"
    assert (intent["action_id"], intent["action"]) == (2, "Denied")


def test_texts_with_special_characters_are_escaped() -> None:
    hostile = 'a","x":{"}\\\n\u2028인증서'
    intent, outcome = both(
        call_details(
            caller_request_id=hostile,
            caller=Caller(hostile, "jwt", hostile, (hostile,)),
            source=CallSource(hostile, hostile, hostile),
            resources=[("t", hostile)],
            decisions=(Decision("Encrypt", "t", hostile, True, (hostile,)),),
        ),
        CallResult(events.FAILURE, "INTERNAL", LATER, hostile, upstream_code=hostile, upstream_message=hostile),
    )
    assert intent["resources"][0]["name"] == hostile
    assert intent["actor"]["user"]["domain"] == hostile
    assert outcome["status_detail"] == outcome["api"]["response"]["error_message"] == hostile


@pytest.mark.parametrize(
    ("address", "expected"),
    [("[::1]:80", {"ip": "::1", "port": 80}), ("unix-socket", {"name": "unix-socket"}), ("", {"name": ""})],
)
def test_address_of_the_caller_is_split_into_ip_and_port(address: str, expected: Any) -> None:
    intent, _ = both(call_details(source=CallSource(address)), CallResult(events.SUCCESS, "OK", LATER))
    assert intent["src_endpoint"] == expected


def test_event_of_an_anonymous_caller_omits_empty_members() -> None:
    intent, _ = both(
        call_details(
            caller=ANONYMOUS,
            source=CallSource("127.0.0.1:1"),
            resources=(),
            decisions=(),
            caller_request_id="",
            trace_id="",
        ),
        CallResult(events.SUCCESS, "OK", LATER),
    )
    assert intent["actor"] == {"user": {"name": "anonymous", "uid": "anonymous", "type": "Unknown", "type_id": 0}}
    assert not intent.keys() & {"resources", "trace", "observables", "http_request", "action", "unmapped"}


def test_no_newline_in_an_event() -> None:
    made = CallEvents(call_details(caller_request_id="a\nb"), BEGAN)
    assert b"\n" not in made.intent() + made.outcome(CallResult(events.SUCCESS, "OK", LATER, response={"x": "a\r\nb"}))


def test_interrupted_call_gets_an_unknown_outcome() -> None:
    intent, _ = both(call_details(), CallResult(events.SUCCESS, "OK", LATER))
    outcome = events.unknown_outcome(intent)
    assert outcome["metadata"]["event_code"] == "outcome"
    assert (outcome["status_id"], outcome["status"]) == (0, "Unknown")
    assert outcome["api"]["request"]["uid"] == "r-1"
    assert outcome["start_time"] == intent["time"] < outcome["time"]
    assert intent["metadata"]["event_code"] == "intent"


def test_rejected_calls_of_a_peer_are_one_event() -> None:
    made = events.refusals(
        "10.1.2.3",
        "UNAUTHENTICATED",
        "UNAUTHENTICATED",
        first=1.0,
        last=1.5,
        methods={"keyway.v1.KeyService/Encrypt": 3, "x/Y": 4},
    )
    event = json.loads(made)
    assert event["metadata"]["event_code"] == "refusals"
    assert (event["count"], event["start_time"], event["end_time"]) == (7, 1000, 1500)
    assert event["src_endpoint"] == {"ip": "10.1.2.3"}
    assert (event["status_id"], event["status_detail"]) == (2, "UNAUTHENTICATED")
    assert event["unmapped"]["methods"] == {"keyway.v1.KeyService/Encrypt": 3, "x/Y": 4}


@pytest.mark.parametrize(("surface", "stated"), [("vault", False), ("sds", False), ("rest", True), ("kms-v2", True)])
def test_events_name_the_surface_and_who_says_so(surface: str, stated: bool) -> None:
    details = call_details(source=CallSource("10.1.2.3:1", surface=surface))
    for event in both(details, CallResult(events.SUCCESS, "OK", LATER)):
        assert event["unmapped"]["surface"] == {"name": surface, "stated_by_caller": stated}


def test_names_in_a_batch_are_not_cached() -> None:
    """A caller can choose a thousand different names in each call."""
    members._cached_actor_parts.cache_clear()
    decisions = [Decision("Encrypt", "keyway.dev/Key", f"{KEY}-{number}", False) for number in range(1000)]
    intent, _ = both(call_details("BatchEncrypt", decisions=decisions), CallResult(events.FAILURE, "OK", LATER))
    authorized = [authorization["resource"] for authorization in intent["unmapped"]["authorizations"]]
    assert authorized == [decision.resource for decision in decisions]
    assert members._cached_actor_parts.cache_info().currsize == 0
    both(call_details(), CallResult(events.SUCCESS, "OK", LATER))
    assert members._cached_actor_parts.cache_info().currsize == 1


def test_connections_of_one_caller_share_the_cached_members() -> None:
    """The port of each connection is different, so a cache of whole members would grow with each connection."""
    members._cached_actor_parts.cache_clear()
    for port in (1001, 1002, 1003):
        details = call_details(source=CallSource(f"10.1.2.3:{port}", "agent", "orders"))
        intent, _ = both(details, CallResult(events.SUCCESS, "OK", LATER))
        assert intent["src_endpoint"] == {"ip": "10.1.2.3", "port": port}
        assert intent["http_request"]["user_agent"] == "agent"
    assert members._cached_actor_parts.cache_info().currsize == 1
