"""Audit records as OCSF events: API Activity (class 6003) of the Open Cybersecurity Schema Framework, in JSON.

Each call has two events, an intent and an outcome, with the same request id. One event summarizes rejections of
unauthenticated calls, and one the repetitions of a call. The members that intent and outcome share are serialized once.
Depends neither on gRPC nor on how events are stored.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

import orjson
from google.rpc import code_pb2

from gateway import __version__
from gateway.audit.call_facts import CallDetails, CallResult, Moment
from gateway.audit.members import UNKNOWN_TYPE, call_members
from gateway.contract.methods import DELIVER_CERTIFICATE, INTERNAL_METHODS, METHODS, RECORDED_METHODS, Method
from keyway.v1.options_pb2 import AUDIT_ACTIVITY_OTHER, AuditActivity

INTENT: Final = "intent"
OUTCOME: Final = "outcome"
REFUSALS: Final = "refusals"
REPETITIONS: Final = "repetitions"

MANY_ADDRESSES: Final = "many"
"""The source of an event that summarizes calls from several addresses."""

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
_STATUS_NUMBERS: Final = dict(code_pb2.Code.items())
"""The numbers of the gRPC statuses. The `code` of a response is a number in OCSF."""


class CallEvents:
    """The two events of one call. began: the start of the call."""

    def __init__(self, details: CallDetails, began: Moment) -> None:
        self._began = began
        api: dict[str, object] = {"uid": details.request_id}
        if details.request:
            api["data"] = details.request
        # The object stays open, because the outcome adds the response to `api`.
        self._head = _BEGINNINGS[details.method.operation] + orjson.dumps(api)
        members = call_members(details)
        self._rest = b"},%b" % members.mapped
        self._unmapped = members.unmapped

    def intent(self) -> bytes:
        """Return the intent event, which is recorded before the upstream is called."""
        unmapped = b',"unmapped":{%b}' % self._unmapped if self._unmapped else b""
        return b"%b%b%b%b}" % (self._head, self._rest, _ending(INTENT, self._began.epoch, _PENDING), unmapped)

    def outcome(self, result: CallResult) -> bytes:
        """Return the outcome event."""
        seconds = result.moment.monotonic - self._began.monotonic
        status = b'%b,"start_time":%d,"duration":%d%b' % (
            _STATUSES[result.status_id, result.code],
            round(self._began.epoch * 1000),
            round(seconds * 1000),
            b',"status_detail":' + orjson.dumps(result.reason) if result.reason else b"",
        )
        return b'%b,"response":%b%b%b,"unmapped":{"duration_us":%d%b%b}}' % (
            self._head,
            _response(result),
            self._rest,
            _ending(OUTCOME, result.moment.epoch, status),
            round(seconds * 1_000_000),
            _facts_without_place(result),
            b"," + self._unmapped if self._unmapped else b"",
        )


_STATUSES: Final = {
    (status_id, code): orjson.dumps({"status_id": status_id, "status": name, "status_code": code})[1:-1]
    for status_id, name in _STATUS_NAMES.items()
    for code in _STATUS_NUMBERS
}
"""The first members of the status of an outcome, by `status_id` and name of the gRPC status."""


def _response(result: CallResult) -> bytes:
    """Return the object that describes the response."""
    members = b'{"code":%d' % _STATUS_NUMBERS[result.code]
    if result.reason:
        members += b',"error":' + orjson.dumps(result.reason)
    if result.upstream_message:
        members += b',"error_message":' + orjson.dumps(result.upstream_message)
    if result.response:
        members += b',"data":' + orjson.dumps(result.response)
    return members + b"}"


def _facts_without_place(result: CallResult) -> bytes:
    """Return the members of `unmapped` for the result, each after a comma."""
    members = b',"upstream_code":' + orjson.dumps(result.upstream_code) if result.upstream_code else b""
    if result.http_status is not None:
        members += b',"http_status":%d' % result.http_status
    if result.key_version is not None:
        members += b',"key_version":%d' % result.key_version
    if result.attempts:
        members += b',"attempts":' + orjson.dumps(result.attempts)
    if result.items:
        members += b',"items":' + orjson.dumps(result.items)
    return members


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


_METADATA: Final = {event_code: _metadata(event_code) for event_code in (INTENT, OUTCOME, REFUSALS, REPETITIONS)}


def _beginning(method: Method) -> bytes:
    """Return the beginning of a method's events, up to the request."""
    return orjson.dumps({**_activity(method), "api": {**_api(method), "request": None}}).removesuffix(b"null}}")


def _activity(method: Method) -> dict[str, object]:
    return {**_class(method.activity), "activity_name": _ACTIVITY_NAMES.get(method.activity, method.name)}


def _api(method: Method) -> dict[str, object]:
    return {"operation": method.full_name, "service": {"name": method.service}}


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


_BEGINNINGS: Final = {
    method.operation: _beginning(method)
    for method in (*METHODS, *INTERNAL_METHODS, *RECORDED_METHODS, DELIVER_CERTIFICATE)
}


def refusals(peer: str, code: str, reason: str, *, first: float, last: float, methods: Mapping[str, int]) -> bytes:
    """Return the event that summarizes rejected calls of one peer, for one reason.

    code: the name of the gRPC status. first, last: seconds since 1970.
    """
    event = {
        **_class(_OTHER),
        "activity_name": "Refused",
        "api": {
            "operation": "refused before authentication",
            "response": {"code": _STATUS_NUMBERS[code], "error": reason},
        },
        "actor": {"user": {"name": "unknown", "uid": "unknown", "type": "Unknown", "type_id": UNKNOWN_TYPE}},
        "src_endpoint": {"ip": peer} if peer else {"name": MANY_ADDRESSES},
        **_summary(REFUSALS, sum(methods.values()), first, last),
        "status_id": FAILURE,
        "status": _STATUS_NAMES[FAILURE],
        "status_code": code,
        "status_detail": reason,
        "unmapped": {"methods": methods},
    }
    return orjson.dumps(event)


def repetitions(details: CallDetails, *, count: int, first: float, last: float) -> bytes:
    """Return the event that summarizes successful repetitions of a call.

    details: of the first call of all, whose request ID the event names. first, last: seconds since 1970.
    """
    members = call_members(details)
    event = {
        **_activity(details.method),
        "api": {**_api(details.method), "response": {"code": _STATUS_NUMBERS["OK"]}},
        **orjson.loads(b"{%b}" % members.mapped),
        **_summary(REPETITIONS, count, first, last),
        "status_id": SUCCESS,
        "status": _STATUS_NAMES[SUCCESS],
        "status_code": "OK",
        "unmapped": {
            **orjson.loads(b"{%b}" % members.unmapped),
            "first_request_uid": details.request_id,
            "request": details.request,
        },
    }
    return orjson.dumps(event)


def _summary(event_code: str, count: int, first: float, last: float) -> dict[str, object]:
    """Return the members for the number of summarized calls and the times of the first and the last one."""
    return {
        "count": count,
        "start_time": round(first * 1000),
        "end_time": round(last * 1000),
        "time": round(last * 1000),
        "metadata": orjson.Fragment(_METADATA[event_code]),
    }


def unknown_outcome(intent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outcome event, with an unknown result, of a call that was in flight when the process ended."""
    event = dict(intent)
    event["metadata"] = {**event["metadata"], "event_code": OUTCOME}
    event["start_time"] = intent["time"]
    event["time"] = round(time.time() * 1000)
    event |= {"status_id": UNKNOWN, "status": _STATUS_NAMES[UNKNOWN], "status_detail": "GATEWAY_STOPPED"}
    return event
