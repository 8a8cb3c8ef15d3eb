"""Queries over the events of an audit journal: the newest events, new events as they arrive, events of one request."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.journal.format.payloads import request_id
from gateway.journal.format.records import Record
from gateway.journal.format.segments import ChainPosition, chain_folders, read_records, segment_starts

_EVENT: Final = "event"


class Tail:
    """The end of a journal, in the order of time over all chains. Raises FileNotFoundError without a chain."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ends: dict[Path, ChainPosition | None] = {}

    def newest(self, count: int) -> list[Record]:
        """Return the newest events, oldest first. `added` continues after them."""
        found: list[Record] = []
        for folder in _chains(self._directory):
            events, self._ends[folder] = _newest(folder, count)
            found += events
        return sorted(found, key=_time)[max(len(found) - count, 0) :]

    def added(self) -> list[Record]:
        """Return the events that were written since the last call, oldest first."""
        found: list[Record] = []
        for folder in _chains(self._directory):  # a new worker may have begun a new chain
            for stored in read_records(folder, self._ends.get(folder)):
                self._ends[folder] = stored.end
                if stored.record.kind == _EVENT:
                    found.append(stored.record)
        return sorted(found, key=_time)


def events_of_request(directory: Path, request: str) -> Iterator[Record]:
    """Yield all events of the request with this ID; raise FileNotFoundError without a chain."""
    for folder in _chains(directory):
        for stored in read_records(folder):
            record = stored.record
            # The search in the bytes is much faster than parsing every record.
            if record.kind == _EVENT and request.encode() in record.body and request_id(record.value()) == request:
                yield record


def _chains(directory: Path) -> list[Path]:
    if not (folders := chain_folders(directory)):
        raise FileNotFoundError(2, "the directory contains no journal", str(directory))
    return folders


def _newest(folder: Path, count: int) -> tuple[list[Record], ChainPosition | None]:
    """Return the last events of a chain and the position after them. Reads as few segments as possible."""
    end: ChainPosition | None = None
    newest: list[Record] = []
    for start in reversed(segment_starts(folder)):
        kept: deque[Record] = deque(maxlen=count - len(newest))
        is_last = end is None
        for stored in read_records(folder, ChainPosition(start, 0)):
            if is_last:
                end = stored.end
            elif stored.position.segment != start:
                break
            if stored.record.kind == _EVENT:
                kept.append(stored.record)
        newest = [*kept, *newest]
        if len(newest) == count:
            break
    return newest, end


def _time(record: Record) -> int:
    value = record.value().get("time")
    return value if isinstance(value, int) else 0
