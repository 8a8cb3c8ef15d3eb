"""Readers of record bodies: the request and the code of an event, and the last record that retention removed."""

from collections.abc import Mapping
from typing import Any

from gateway.journal.format.records import MalformedRecord, Receipt


def request_id(event: Mapping[str, Any]) -> str | None:
    """Return the id of the request that an event belongs to."""
    try:
        value = event["api"]["request"]["uid"]
    except (KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def event_code(event: Mapping[str, Any]) -> str | None:
    """Return the event code, such as `intent` or `outcome`."""
    try:
        value = event["metadata"]["event_code"]
    except (KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def removed_by(chain: str, body: Mapping[str, Any]) -> Receipt:
    """Return the last removed record, as the body of a segment or retention record names it. Raises MalformedRecord."""
    try:
        return Receipt(chain, int(body["removed"]["sequence"]), str(body["removed"]["hash"]))
    except (KeyError, TypeError, ValueError):
        raise MalformedRecord("the record does not name the last record that retention removed") from None
