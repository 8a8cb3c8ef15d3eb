"""Entries that callers append to the journal: the intent and the outcome of a call, and other events."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.journal.format.records import Receipt


@dataclass(slots=True, eq=False)
class IntentEntry:
    """The event of a call that begins. room: bytes to reserve on the disk for the body of its outcome."""

    request_id: str
    body: bytes
    room: int


@dataclass(slots=True, eq=False)
class OutcomeEntry:
    """The event of a call that ended. `make` returns the body; the writer calls it when it writes the record.

    A commit sets `receipt` when the record is written, or `error` when it could not be made or written.
    """

    request_id: str
    make: Callable[[], bytes]
    receipt: Receipt | None = None
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class EventEntry:
    """An event that is neither the intent nor the outcome of a call."""

    body: bytes


Entry = IntentEntry | OutcomeEntry | EventEntry
