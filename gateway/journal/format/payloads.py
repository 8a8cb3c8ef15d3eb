"""What the journal reads of its records' bodies: of an event whose it is, of its own records what was removed."""

from collections.abc import Mapping
from typing import Any

from gateway.journal.format.records import MalformedRecord, Receipt


def request_id(event: Mapping[str, Any]) -> str | None:
    """The request that an event belongs to."""
    try:
        value = event["api"]["request"]["uid"]
    except (KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def event_code(event: Mapping[str, Any]) -> str | None:
    """Which event of its request it is."""
    try:
        value = event["metadata"]["event_code"]
    except (KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def removed_by(chain: str, body: Mapping[str, Any]) -> Receipt:
    """The last removed record that a record names."""
    try:
        return Receipt(chain, int(body["removed"]["sequence"]), str(body["removed"]["hash"]))
    except (KeyError, TypeError, ValueError):
        raise MalformedRecord("it does not name what was removed") from None
