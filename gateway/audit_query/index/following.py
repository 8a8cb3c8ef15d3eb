"""The follower of one chain, which reads new records and writes the rows of calls.

The position after the last indexed record is stored in the same transaction as the rows, so that each record is indexed
exactly once. Hashes are not checked here, but by verification. A line that is not a record is skipped and counted, so
that one damaged line does not hide all later records.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from gateway.audit_query.index.call_writer import CallWriter
from gateway.audit_query.index.joining import CallJoiner
from gateway.audit_query.index.schema import transaction
from gateway.journal.format.lookup import find_record
from gateway.journal.format.records import MalformedRecord, RecordFields, decode_body, split
from gateway.journal.format.segments import (
    ChainPosition,
    SegmentMissing,
    read_lines,
    segment_starts,
)

TURN_BYTES: Final = 4 << 20
"""The approximate number of bytes of records in one transaction."""

UNREADABLE: Final = "unreadable-"
"""The prefix of a name in the table `state` for a folder. The value states why its chain cannot be read."""
_EVENT: Final = b"event"

_log = structlog.get_logger(__name__)


class IndexContradictsJournal(Exception):
    """The index contains a record that the journal does not contain. The index must be built again."""


@dataclass(slots=True)
class ChainState:
    """The last indexed record of a chain, and the position after it. time: of the record, in ms since 1970."""

    id: int
    folder: str
    chain: str
    position: ChainPosition
    sequence: int
    hash: bytes
    time: int
    unreadable: int


_COLUMNS: Final = "id, folder, chain, segment, offset, sequence, hash, time, unreadable"


def chain_states(connection: sqlite3.Connection) -> dict[str, ChainState]:
    """Return the state of each chain, by folder."""
    return {
        folder: ChainState(number, folder, chain, ChainPosition(segment, offset), *rest)
        for number, folder, chain, segment, offset, *rest in connection.execute(f"SELECT {_COLUMNS} FROM chains")
    }


def check_against_journal(folder: Path, state: ChainState) -> None:
    """Check that the last indexed record is in the journal, or was removed by retention.

    Raises IndexContradictsJournal.
    """
    starts = segment_starts(folder) if folder.is_dir() else []
    if state.sequence == 0 or (starts and state.sequence < starts[0]):
        return
    record = find_record(folder, state.sequence)
    if record is None or bytes.fromhex(record.hash) != state.hash or record.chain != state.chain:
        raise IndexContradictsJournal(f"{state.folder}: record {state.sequence} is not in the journal")


class ChainFollower:
    """Indexes the chain in a folder. start: the first segment to index if the chain is new; None for the oldest."""

    def __init__(
        self, connection: sqlite3.Connection, writer: CallWriter, folder: Path, start: int | None = None
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._folder = folder
        self._start = ChainPosition(start or 0, 0)
        self._segments: dict[int, int] = {}
        self.bytes_read = 0
        with transaction(connection):
            self.state = chain_states(connection).get(folder.name) or self._new_state()
        self._hash = self.state.hash.hex().encode()
        self._joiner = CallJoiner(self.state.id, writer.pending(self.state.id))

    def turn(self) -> bool:
        """Index the next records, up to about TURN_BYTES, in one transaction. Return whether there may be more.

        Raises IndexContradictsJournal, OSError, sqlite3.Error. After an error, the follower must not be used again.
        """
        lines, size, problem = [], 0, None
        try:
            for line, end in self._lines():
                lines.append((line, end))
                size += len(line)
                if size >= TURN_BYTES:
                    break
        except OSError as error:
            problem = error  # raised after the readable records are indexed
        self.bytes_read += size
        if lines:
            with transaction(self._connection):
                self._index(lines)
        if problem is not None:
            raise problem
        return size >= TURN_BYTES

    def _new_state(self) -> ChainState:
        number = self._connection.execute(
            "INSERT INTO chains (folder, chain, segment, offset, sequence, hash, time, unreadable)"
            " VALUES (?, '', ?, 0, 0, x'', 0, 0)",
            (self._folder.name, self._start.segment),
        ).lastrowid
        assert number is not None
        return ChainState(number, self._folder.name, "", self._start, 0, b"", 0, 0)

    def _lines(self) -> Iterator[tuple[bytes, ChainPosition]]:
        """Yield the complete lines after the position, each with the position after it."""
        position = self.state.position
        try:
            for line, _, position in read_lines(self._folder, self._position()):
                yield line, position
        except SegmentMissing:
            # Either the journal lost indexed records, or retention removed a segment just now.
            check_against_journal(self._folder, self.state)
        except MalformedRecord as error:
            # A compressed segment is damaged.
            yield from self._after_damage(position, str(error))

    def _position(self) -> ChainPosition | None:
        starts = segment_starts(self._folder)
        position = self.state.position
        if not starts or position.segment in starts:
            return position if starts else None
        later = [start for start in starts if start > position.segment]
        if not later:
            raise SegmentMissing(f"segment {position.segment} does not exist")
        return ChainPosition(later[0], 0)

    def _after_damage(self, position: ChainPosition, problem: str) -> Iterator[tuple[bytes, ChainPosition]]:
        """Yield an empty line instead of the rest of a damaged segment, with the position of the next segment."""
        later = [start for start in segment_starts(self._folder) if start > position.segment]
        if later:
            _log.warning("audit_index_skipped_segment", folder=self._folder.name, error=problem)
            yield b"", ChainPosition(later[0], 0)

    def _index(self, lines: Sequence[tuple[bytes, ChainPosition]]) -> None:
        latest = b""
        for line, end in lines:
            try:
                record = self._add(line, end)
            except MalformedRecord as error:
                self.state.unreadable += 1
                place = f"segment {end.segment}, before byte {end.offset}"
                _log.warning("audit_index_skipped_record", folder=self._folder.name, place=place, error=str(error))
            else:
                latest = record.body if record.kind == _EVENT else latest
            self.state.position = end
        self.state.time = max(self.state.time, _time(latest))
        joined = self._joiner.take()
        self._writer.write(joined.calls, joined.completed)
        self._store()

    def _add(self, line: bytes, end: ChainPosition) -> RecordFields:
        """Add the record of a line to the joiner. end: the position after it. Raises MalformedRecord."""
        record, state = split(line), self.state
        sequence = int(record.sequence)
        if record.previous != self._hash and state.sequence:
            self._check_order(record, sequence)
        state.sequence, self._hash = sequence, record.hash
        if not state.chain:
            state.chain = record.chain.decode()
        if record.kind == _EVENT:
            self._joiner.add(sequence, record.hash, record.body, self._segment(end.segment))
        return record

    def _check_order(self, record: RecordFields, sequence: int) -> None:
        """Check a record that does not follow the previous record: either the index or the journal is wrong.

        Raises IndexContradictsJournal. Raises MalformedRecord if the record is already indexed, or is of another chain.
        """
        state = self.state
        check_against_journal(self._folder, replace(state, hash=bytes.fromhex(self._hash.decode())))
        if record.chain.decode() != state.chain or sequence <= state.sequence:
            raise MalformedRecord(
                f"record {sequence} of chain {record.chain.decode()} does not follow the previous record"
            )

    def _segment(self, start: int) -> int:
        """Return the number of a segment in the index."""
        if start not in self._segments:
            values = (self.state.id, start)
            self._connection.execute("INSERT OR IGNORE INTO segments (chain, start) VALUES (?, ?)", values)
            (number,) = self._connection.execute(
                "SELECT id FROM segments WHERE chain = ? AND start = ?", values
            ).fetchone()
            self._segments = {start: number}
        return self._segments[start]

    def _store(self) -> None:
        state = self.state
        state.hash = bytes.fromhex(self._hash.decode())
        self._connection.execute(
            "UPDATE chains SET chain = ?, segment = ?, offset = ?, sequence = ?, hash = ?, time = ?, unreadable = ?"
            " WHERE id = ?",
            (state.chain, *state.position, state.sequence, state.hash, state.time, state.unreadable, state.id),
        )


def _time(body: bytes) -> int:
    """Return the time of an event, in milliseconds since 1970; 0 if there is none."""
    try:
        value = decode_body(body).get("time") if body else None
    except MalformedRecord:
        return 0
    return value if type(value) is int else 0
