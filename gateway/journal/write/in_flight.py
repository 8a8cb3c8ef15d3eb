"""Calls in flight: calls with an intent and without an outcome, and the disk space reserved for their outcomes."""

from collections.abc import Mapping
from typing import Final

from gateway.journal.write.entries import IntentEntry
from gateway.journal.write.reserve import Reserve

ENVELOPE_BYTES: Final = 320
"""The maximum size of a record line without its body."""


class InFlightCalls:
    """The table of calls in flight.

    late: bodies of outcomes that could not be written yet, by request id. intent_bytes: size of all intents together.
    """

    def __init__(self, reserve: Reserve) -> None:
        self.late: dict[str, bytes] = {}
        self.intent_bytes = 0
        self._reserve = reserve
        self._intents: dict[str, IntentEntry] = {}

    def __len__(self) -> int:
        return len(self._intents)

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._intents

    def reserve(self, entry: IntentEntry) -> None:
        """Reserve disk space for the outcome. Raises OSError if the disk has too little."""
        self._reserve.hold(entry.room + ENVELOPE_BYTES)

    def release(self, entry: IntentEntry) -> None:
        """Return the reserved disk space."""
        self._reserve.release(entry.room + ENVELOPE_BYTES)

    def add(self, entry: IntentEntry) -> None:
        """Add a call whose intent is written."""
        self._intents[entry.request_id] = entry
        self.intent_bytes += len(entry.body)

    def remove(self, request_id: str) -> None:
        """Remove a call whose outcome is written, and return its disk space."""
        entry = self._intents.pop(request_id)
        self.late.pop(request_id, None)
        self.intent_bytes -= len(entry.body)
        self.release(entry)

    def intents(self) -> Mapping[str, bytes]:
        """Return the bodies of the intents, by request id."""
        return {request_id: entry.body for request_id, entry in self._intents.items()}
