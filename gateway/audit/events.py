"""Audit records as OCSF events: API Activity (class 6003) of the Open Cybersecurity Schema Framework, in JSON.

Each call has two events, an intent and an outcome, with the same request id. Rejections of unauthenticated calls are
summarized in one event. The members that intent and outcome share are serialized once. Depends neither on gRPC
nor on how events are stored.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from gateway import __version__
from gateway.authz.policies import Decision
from gateway.authz.principals import caller_id
from gateway.contract.methods import METHODS, Method
from gateway.contract.spelling import is_nfc, nfc
from gateway.identity.caller import Caller
from keyway.v1.options_pb2 import AUDIT_ACTIVITY_OTHER, AuditActivity

INTENT: Final = "intent"
OUTCOME: Final = "outcome"
REFUSALS: Final = "refusals"

UNKNOWN, SUCCESS, FAILURE = 0, 1, 2
"""The `status_id` of OCSF. Unknown: the upstream may have processed the call, but its response did not arrive."""
_STATUS_NAMES: Final = {UNKNOWN: "Unknown", SUCCESS: "Success", FAILURE: "Failure"}

_OCSF_VERSION: Final = "1.6.0"
_CLASS: Final = 6003
_INFORMATIONAL: Final = 1
_OTHER: Final = AUDIT_ACTIVITY_OTHER
_ACTIVITY_NAMES: Final = {
    value.number: value.name.removeprefix("AUDIT_ACTIVITY_").capitalize()
    for value in AuditActivity.DESCRIPTOR.values
    if value.number != _OTHER
}
"""The names of OCSF's activities, by `activity_id`. A call with another activity has the name of its method."""
_USER_TYPES: Final = {"spiffe": "Service", "dns": "Service", "common-name": "Service", "jwt": "User"}
_USER, _SERVICE, _UNKNOWN_TYPE = 1, 4, 0
_USER_TYPE_IDS: Final = {"Service": _SERVICE, "User": _USER}


class CallSource(NamedTuple):
    """The address that a call came from, and the names that the caller claims without proof."""

    address: str
    user_agent: str = ""
    service: str = ""


@dataclass(slots=True)
class CallDetails:
    """The facts about a call when its intent is recorded."""

    method: Method
    request_id: str
    caller_request_id: str
    caller: Caller
    source: CallSource
    resources: Sequence[tuple[str, str]]
    decisions: Sequence[Decision] = ()
    request: Mapping[str, object] = field(default_factory=dict, repr=False)
    trace_id: str = ""
    span_id: str = ""


@dataclass(slots=True)
class CallResult:
    """The result of a call.

    code: the name of the gRPC status. moment: the end, in seconds since the epoch. response: a description without
    secrets.
    """

    status_id: int
    code: str
    moment: float
    reason: str = ""
    upstream_code: str = ""
    upstream_message: str = ""
    http_status: int | None = None
    key_version: int | None = None
    attempts: Sequence[Mapping[str, object]] = ()
    items: Sequence[Mapping[str, object]] = ()
    response: Mapping[str, object] = field(default_factory=dict, repr=False)


class CallEvents:
    """The two events of one call. began: the start of the call, in seconds since 1970."""

    def __init__(self, details: CallDetails, began: float) -> None:
        self._began = began
        api: dict[str, object] = {"uid": details.request_id}
        if details.request:
            api["data"] = details.request
        # The object stays open, because the outcome adds the response to `api`.
        self._head = _BEGINNINGS[details.method.operation] + orjson.dumps(api)
        of_actor = _of_actor if len(details.decisions) > _MAXIMUM_CACHED_DECISIONS else _cached_of_actor
        self._rest = b"},%b%b" % (of_actor(details.caller, details.source, tuple(details.decisions)), _of_call(details))

    def intent(self) -> bytes:
        """Return the intent event, which is recorded before the upstream is called."""
        return b"%b%b%b}" % (self._head, self._rest, _ending(INTENT, self._began, _PENDING))

    def outcome(self, result: CallResult) -> bytes:
        """Return the outcome event."""
        seconds = max(0.0, result.moment - self._began)
        response: dict[str, object] = {"code": result.code}
        if result.reason:
            response["error"] = result.reason
        if result.upstream_message:
            response["error_message"] = result.upstream_message
        if result.response:
            response["data"] = result.response
        status: dict[str, object] = {
            "status_id": result.status_id,
            "status": _STATUS_NAMES[result.status_id],
            "status_code": result.code,
            "duration": round(seconds * 1000),
        }
        if result.reason:
            status["status_detail"] = result.reason
        unmapped = {
            "upstream_code": result.upstream_code,
            "http_status": result.http_status,
            "key_version": result.key_version,
            "attempts": result.attempts,
            "items": result.items,
        }
        status["unmapped"] = {
            "duration_us": round(seconds * 1_000_000),
            **{key: value for key, value in unmapped.items() if value or value == 0},
        }
        return b'%b,"response":%b%b%b}' % (
            self._head,
            orjson.dumps(response),
            self._rest,
            _ending(OUTCOME, result.moment, orjson.dumps(status)[1:-1]),
        )


_PENDING: Final = b'"status_id":99,"status":"Pending"'
"""The status of an intent. OCSF has no value for a pending call; 99 means Other."""


def _ending(event_code: str, moment: float, status: bytes) -> bytes:
    return b',"metadata":%b,"time":%d,%b' % (_METADATA[event_code], round(moment * 1000), status)


def _metadata(event_code: str) -> bytes:
    product = {"name": "Keyway", "vendor_name": "Keyway", "version": __version__}
    return orjson.dumps(
        {
            "version": _OCSF_VERSION,
            "product": product,
            "profiles": ["security_control", "trace"],
            "log_name": "audit",
            "event_code": event_code,
        }
    )


_METADATA: Final = {event_code: _metadata(event_code) for event_code in (INTENT, OUTCOME, REFUSALS)}


def _beginning(method: Method) -> bytes:
    """Return the beginning of a method's events, up to the request."""
    activity = method.activity
    api = {"operation": method.full_name, "service": {"name": method.service}, "request": None}
    members = {**_class(activity), "activity_name": _ACTIVITY_NAMES.get(activity, method.name), "api": api}
    return orjson.dumps(members).removesuffix(b"null}}")


def _class(activity: int) -> dict[str, object]:
    return {
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": _CLASS,
        "class_name": "API Activity",
        "activity_id": activity,
        "type_uid": _CLASS * 100 + activity,
        "severity_id": _INFORMATIONAL,
    }


_BEGINNINGS: Final = {method.operation: _beginning(method) for method in METHODS}


def _of_actor(caller: Caller, source: CallSource, decisions: tuple[Decision, ...]) -> bytes:
    """Return the members for the caller, the source address, and the policy decisions."""
    kind = _USER_TYPES.get(caller.kind, "Unknown")
    user: dict[str, object] = {"name": caller.name or caller.kind, "uid": caller_id(caller), "type": kind}
    user["type_id"] = _USER_TYPE_IDS.get(kind, _UNKNOWN_TYPE)
    if caller.issuer:
        user["domain"] = caller.issuer
    if caller.groups:
        user["groups"] = [{"name": name} for name in caller.groups]
    actor: dict[str, object] = {"user": user}
    if source.service:
        actor["app_name"] = source.service
    if decisions:
        actor["authorizations"] = [_authorization(decision) for decision in decisions]
    members: dict[str, object] = {"actor": actor, "src_endpoint": _endpoint(source.address)}
    if source.user_agent:
        members["http_request"] = {"user_agent": source.user_agent}
    if decisions:
        allowed = any(decision.allowed for decision in decisions)
        members |= {"action_id": 1, "action": "Allowed"} if allowed else {"action_id": 2, "action": "Denied"}
    return orjson.dumps(members)[1:-1]


# Many calls share these members. Batches are not cached, because their many names would take too much memory.
_MAXIMUM_CACHED_DECISIONS: Final = 4
_cached_of_actor: Final = lru_cache(maxsize=4096)(_of_actor)


def _authorization(decision: Decision) -> Mapping[str, object]:
    value: dict[str, object] = {
        "decision": "allow" if decision.allowed else "deny",
        "action": decision.action,
        "resource": decision.resource,
    }
    if decision.policies:
        value["policy"] = {"uid": ",".join(decision.policies)}
    return value


def _endpoint(address: str) -> Mapping[str, object]:
    host, _, port = address.rpartition(":")
    return {"ip": host.strip("[]"), "port": int(port)} if host and port.isdecimal() else {"name": address}


def _of_call(details: CallDetails) -> bytes:
    """Return the members specific to this call, except time and status, with a leading comma."""
    members: dict[str, object] = {}
    if details.caller_request_id:
        members["observables"] = [
            {"name": "x-request-id", "type": "Other", "type_id": 99, "value": details.caller_request_id}
        ]
    if details.resources:
        members["resources"] = [_resource(kind, name) for kind, name in details.resources]
    if details.trace_id:
        members["trace"] = {"uid": details.trace_id, "span": {"uid": details.span_id}}
    return b"," + orjson.dumps(members)[1:-1] if members else b""


def _resource(kind: str, name: str) -> Mapping[str, str]:
    """A resource. If its name is not in NFC, `uid_alt` is the NFC form, so that searches find every spelling."""
    resource = {"type": kind, "name": name, "uid": name}
    if not is_nfc(name):
        resource["uid_alt"] = nfc(name)
    return resource


def refusals(peer: str, reason: str, *, first: float, last: float, methods: Mapping[str, int]) -> bytes:
    """Return the event that summarizes rejected calls of one peer, for one reason. first, last: seconds since 1970."""
    event = {
        **_class(_OTHER),
        "activity_name": "Refused",
        "api": {"operation": "refused before authentication", "response": {"code": reason, "error": reason}},
        "actor": {"user": {"name": "unknown", "uid": "unknown", "type": "Unknown", "type_id": _UNKNOWN_TYPE}},
        "src_endpoint": {"ip": peer} if peer else {"name": "many"},
        "count": sum(methods.values()),
        "start_time": round(first * 1000),
        "end_time": round(last * 1000),
        "time": round(last * 1000),
        "metadata": orjson.Fragment(_METADATA[REFUSALS]),
        "status_id": FAILURE,
        "status": _STATUS_NAMES[FAILURE],
        "status_detail": reason,
        "unmapped": {"methods": methods},
    }
    return orjson.dumps(event)


def unknown_outcome(intent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outcome event, with an unknown result, of a call that was in flight when the process ended."""
    event = dict(intent)
    event["metadata"] = {**event["metadata"], "event_code": OUTCOME}
    event["time"] = round(time.time() * 1000)
    event |= {"status_id": UNKNOWN, "status": _STATUS_NAMES[UNKNOWN], "status_detail": "GATEWAY_STOPPED"}
    return event
