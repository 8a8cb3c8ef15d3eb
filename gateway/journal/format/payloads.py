"""Readers of record bodies: of events, of recovery and retention records, and of segment heads."""

from collections.abc import Mapping
from typing import Any

from gateway.journal.format.keys import JournalPublicKey
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


def named_key(body: Mapping[str, Any]) -> JournalPublicKey:
    """Return the signing key that the first record of a segment names. Raises MalformedRecord."""
    try:
        key = JournalPublicKey.from_text(body["key"]["public_key"])
    except (KeyError, TypeError, ValueError):
        raise MalformedRecord("the record names no valid key") from None
    if key.id != body["key"].get("id"):
        raise MalformedRecord("the id of the named key does not match the key")
    return key


def manifest_of(body: Mapping[str, Any]) -> str | None:
    """Return the id of the journal that the first record of a segment names; None in records of older versions."""
    value = body.get("manifest")
    return value if isinstance(value, str) else None


def unsigned_range(body: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the last signed and the last record that a recovery record names; None if it is about something else."""
    if "unsigned" not in body:
        return None
    try:
        after, last = body["unsigned"]["after"], body["unsigned"]["last"]
    except (KeyError, TypeError):
        raise MalformedRecord("not a valid recovery record") from None
    if type(after) is not int or type(last) is not int:
        raise MalformedRecord("not a valid recovery record")
    return after, last
