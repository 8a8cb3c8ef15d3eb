"""The fields of stored events that queries use, and conversion of fields to events.

The collector of deploy/central copies these members of an event into fields. An event made from fields has only these
members.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from gateway.audit.events import INTENT, OUTCOME, REFUSALS, REPETITIONS
from gateway.audit_query.rows import RecordedEvent, audit_record
from gateway.journal.format.records import MalformedRecord, decode_body

EVENT_CODE: Final = "event_code"
REQUEST_ID: Final = "request_id"
OPERATION: Final = "operation"
PRIVATE_FLAG: Final = "include_private_key"
CALLER: Final = "caller"
AUTHORIZATIONS: Final = "authorizations"
RESOURCES: Final = "resources"
PEER_IP: Final = "peer_ip"
PEER_NAME: Final = "peer_name"
STATUS_ID: Final = "status_id"
STATUS_CODE: Final = "status_code"
STATUS_DETAIL: Final = "status_detail"
COUNT: Final = "count"
METHODS: Final = "methods"
DURATION_US: Final = "duration_us"
START_TIME: Final = "start_time"
SURFACE: Final = "surface"

ALL: Final = (
    EVENT_CODE,
    REQUEST_ID,
    OPERATION,
    PRIVATE_FLAG,
    CALLER,
    AUTHORIZATIONS,
    RESOURCES,
    PEER_IP,
    PEER_NAME,
    STATUS_ID,
    STATUS_CODE,
    STATUS_DETAIL,
    COUNT,
    METHODS,
    DURATION_US,
    START_TIME,
    SURFACE,
)

RECORDED_CALLS: Final = (OUTCOME, REFUSALS, REPETITIONS)
"""The codes of events that always make a row. An intent makes a row only if it has no outcome."""
CALL_CODES: Final = (INTENT, *RECORDED_CALLS)

_OBJECTS: Final = frozenset(
    {"metadata", "api", "request", "data", "actor", "user", "src_endpoint", "unmapped", "surface"}
)
"""The objects in events for which the store has fields for some members only."""

Fields = Mapping[str, Any]


def event_of(fields: Fields) -> Mapping[str, Any]:
    """Return an event with the members that were copied into these fields."""
    request = {"uid": fields.get(REQUEST_ID), "data": {PRIVATE_FLAG: fields.get(PRIVATE_FLAG) == "true"}}
    return {
        "metadata": {"event_code": fields.get(EVENT_CODE)},
        "api": {"operation": fields.get(OPERATION), "request": request},
        "actor": {"user": {"uid": fields.get(CALLER)}, "authorizations": _decoded(fields, AUTHORIZATIONS)},
        "src_endpoint": {"ip": fields.get(PEER_IP), "name": fields.get(PEER_NAME)},
        "resources": _decoded(fields, RESOURCES),
        "status_id": number_in(fields, STATUS_ID),
        "status_code": fields.get(STATUS_CODE),
        "status_detail": fields.get(STATUS_DETAIL),
        "count": number_in(fields, COUNT),
        "unmapped": {
            "methods": _decoded(fields, METHODS),
            "duration_us": number_in(fields, DURATION_US),
            "surface": {"name": fields.get(SURFACE)},
        },
        "start_time": number_in(fields, START_TIME),
        "time": number_in(fields, START_TIME),
    }


def match_event(fields: Fields, body: str) -> bool:
    """Return whether the fields that audit records depend on match the event in a body."""
    try:
        event = decode_body(body.encode())
    except MalformedRecord:
        event = {}
    copied_event = event_of(fields)
    if _has_members(event, _without_time(copied_event, event)):
        return True  # Making records takes several times as long as this comparison.
    copied, original = (audit_record("", [RecordedEvent("", each)]) for each in (copied_event, event))
    if copied is None or original is None:
        return copied is original
    original.ClearField("caller_request_id")  # has no field
    if not copied.surface:
        original.ClearField("surface")  # a collector with an older configuration does not copy it
    # For events of older versions, the collector computes the start of the call in milliseconds.
    if abs(copied.start_time.ToMilliseconds() - original.start_time.ToMilliseconds()) <= 1:
        copied.start_time.CopyFrom(original.start_time)
    return copied == original


def _without_time(copied: Mapping[str, Any], event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the copied members that an event needs to make the same record.

    A record contains the start time. An intent has only the time, which is its start time.
    """
    members = {name: value for name, value in copied.items() if name != "time"}
    if members["metadata"]["event_code"] == INTENT and "start_time" not in event:
        members["time"] = members.pop("start_time")
    return members


def _has_members(event: Any, wanted: Mapping[str, Any]) -> bool:
    """Return whether an event has these members, with the same types. It may have further members."""
    given = event if isinstance(event, dict) else {}
    for name, value in wanted.items():
        found = given.get(name)
        if name in _OBJECTS:
            if not _has_members(found, value):
                return False
        elif value is False:
            if found is True:  # missing means false
                return False
        elif type(found) is not type(value) or found != value:
            return False
    return True


def number_in(fields: Fields, name: str) -> int | None:
    """Return the integer in a field; None if it is not one. The store returns all values as text."""
    try:
        return int(fields.get(name, ""))
    except (TypeError, ValueError):
        return None


def _decoded(fields: Fields, name: str) -> Any:
    try:
        return orjson.loads(fields.get(name, ""))
    except (TypeError, orjson.JSONDecodeError):
        return None
