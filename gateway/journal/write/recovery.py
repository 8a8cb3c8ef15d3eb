"""Recovery: the state of a chain at a start, such as its head, a torn last line, and intents without an outcome.

Reads the newest segment completely, and the first and last record of the others. Verification reads everything.
Changes no file; `starting` does.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.journal.errors import JournalCorrupt
from gateway.journal.format.checkpoints import read_copies
from gateway.journal.format.hash_chain import ALTERED, HashChain, check_segment_head, is_torn
from gateway.journal.format.payloads import event_code, manifest_of, removed_by, request_id
from gateway.journal.format.records import NO_HASH, MalformedRecord, Receipt, Record, decode_body, parse
from gateway.journal.format.segments import CHECKPOINTS, open_segment, relative_name, segment_path, segment_starts
from gateway.journal.write.signed_head import record_at

_TAIL_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class TornLine:
    """The start of a record at the end of the newest segment, which a crash cut off."""

    segment: int
    offset: int
    content: bytes

    def body(self, time: int) -> bytes:
        """Return the body of the record that reports the cut. time: milliseconds since 1970."""
        return orjson.dumps(
            {
                "time": time,
                "segment": f"{self.segment:020}.jsonl",
                "offset": self.offset,
                "bytes": len(self.content),
                "sha256": sha256(self.content).hexdigest(),
            }
        )


@dataclass(slots=True)
class FoundChain:
    """A chain as it is on disk.

    segment: the newest segment. size: its size without a torn line. durable: the part of it that is certainly durable.
    sequence, hash: of the last record. open: the intents without an outcome, by request id. key_id: the signing key
    that the newest segment names. journal: the id of the journal that it names; None if an older version wrote it.
    removed: the last record that retention removed. checkpoints: those of the newest segment, each with its sequence
    number and the offset of its end. uncopied: checkpoints without a copy.
    """

    chain: str
    segment: int
    size: int = 0
    durable: int = 0
    sequence: int = 0
    hash: str = NO_HASH
    open: dict[str, bytes] = field(default_factory=dict)
    key_id: str = ""
    journal: str | None = None
    removed: Receipt | None = None
    torn: TornLine | None = None
    checkpoints: list[tuple[int, int, bytes]] = field(default_factory=list)
    uncopied: list[bytes] = field(default_factory=list)


def examine(folder: Path) -> FoundChain | TornLine | None:
    """Return the chain in a folder, a torn line if the chain has no complete record, or None if there is no chain.

    Raises JournalCorrupt if the chain does not verify.
    """
    starts = segment_starts(folder)
    found = _examine(folder, starts)
    _check_copies(folder, found)
    return found


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file, each with its offset. Only an incomplete last line has no newline."""
    offset = 0
    with open_segment(path) as file:
        for line in file:
            yield offset, line
            offset += len(line)


def _examine(folder: Path, starts: list[int]) -> FoundChain | TornLine | None:
    if not starts:
        return None
    previous = _check_links(folder, starts[:-1])
    found = _scan(folder, starts[-1], previous)
    if isinstance(found, TornLine) and len(starts) > 1:
        # The crash cut off the first record of a new segment, so the segment before is the newest one with records.
        earlier = _examine(folder, starts[:-1])
        if not isinstance(earlier, FoundChain) or earlier.torn is not None:
            name = relative_name(segment_path(folder, starts[-2]))
            raise JournalCorrupt(name, 0, starts[-2], "the segment ends with an incomplete record")
        earlier.torn = found
        return earlier
    if (
        isinstance(found, FoundChain)
        and starts[0] > 1
        and (found.removed is None or found.removed.sequence < starts[0] - 1)
    ):
        raise JournalCorrupt(
            relative_name(segment_path(folder, starts[0])), 0, starts[0], "the records before this segment are missing"
        )
    return found


def _check_links(folder: Path, starts: list[int]) -> Record | None:
    """Check that each of these segments follows the one before; return the last record of the last one."""
    previous: Record | None = None
    for start in starts:
        path = segment_path(folder, start)
        with open_segment(path) as file:
            first = _intact(path, 0, start, file.readline())
        _check_head(path, start, first, previous)
        previous = _last(path, start)
    return previous


def _check_head(path: Path, start: int, first: Record, previous: Record | None) -> None:
    try:
        check_segment_head(start, first, previous)
    except MalformedRecord as error:
        expected = previous.sequence + 1 if previous is not None else start
        raise JournalCorrupt(relative_name(path), 0, expected, str(error)) from None


def _last(path: Path, start: int) -> Record:
    """Return the last record of a segment that has a successor."""
    with open_segment(path) as file:
        size = file.seek(0, os.SEEK_END)
        length = _TAIL_BYTES
        while True:
            begin = max(0, size - length)
            file.seek(begin)
            tail = file.read(size - begin)
            newline = tail.rfind(b"\n", 0, -1)
            if newline >= 0 or begin == 0:
                break
            length *= 4
    return _intact(path, begin + newline + 1, start, tail[newline + 1 :])


def _intact(path: Path, offset: int, sequence: int, line: bytes) -> Record:
    try:
        record = parse(line)
    except MalformedRecord as error:
        raise JournalCorrupt(relative_name(path), offset, sequence, str(error)) from None
    if not record.intact:
        raise JournalCorrupt(relative_name(path), offset, record.sequence, ALTERED)
    return record


def _scan(folder: Path, start: int, previous: Record | None) -> FoundChain | TornLine:
    """Read the newest segment."""
    path = segment_path(folder, start)
    head: HashChain | None = (
        HashChain(previous.chain, previous.sequence, previous.hash) if previous is not None else None
    )
    found: FoundChain | None = None
    if previous is not None and previous.sequence + 1 != start:
        raise JournalCorrupt(relative_name(path), 0, previous.sequence + 1, "records are missing before this segment")
    for offset, line in lines_of(path):
        if head is None and line.endswith(b"\n"):
            first = _intact(path, offset, start, line)
            _check_head(path, start, first, previous)
            head = HashChain(first.chain, first.sequence - 1, first.previous)
        if not line.endswith(b"\n"):
            if not is_torn(line, head.opening() if head is not None else None):
                raise JournalCorrupt(
                    relative_name(path),
                    offset,
                    head.sequence + 1 if head else start,
                    "the end of the record was altered",
                )
            torn = TornLine(start, offset, line)
            if found is None:
                return torn
            found.torn = torn
            break
        assert head is not None
        if found is None:
            found = FoundChain(head.chain, start)
        _read_record(path, offset, line, head, found)
    return found or TornLine(start, 0, b"")


def _read_record(path: Path, offset: int, line: bytes, head: HashChain, found: FoundChain) -> None:
    try:
        kind, body = head.follow(line)
        if kind == b"event":
            _read_event(body, found)
        elif kind == b"segment":
            _read_segment_head(decode_body(body), found)
        elif kind == b"checkpoint":
            found.checkpoints.append((head.sequence, offset + len(line), line))
        elif kind == b"retention":
            found.removed = removed_by(found.chain, decode_body(body))
    except MalformedRecord as error:
        raise JournalCorrupt(relative_name(path), offset, head.sequence + 1, str(error)) from None
    found.sequence, found.hash, found.size = head.sequence, head.hash, offset + len(line)


def _read_event(body: bytes, found: FoundChain) -> None:
    event = decode_body(body)
    if (request := request_id(event)) is None:
        return
    code = event_code(event)
    if code == "intent":
        found.open[request] = body
    elif code == "outcome":
        found.open.pop(request, None)


def _read_segment_head(body: Mapping[str, Any], found: FoundChain) -> None:
    try:
        found.open = {str(entry["request"]): orjson.dumps(entry["body"]) for entry in body["open"]}
        found.key_id = str(body["key"]["id"])
        found.journal = manifest_of(body)
        if "removed" in body:
            found.removed = removed_by(found.chain, body)
    except (KeyError, TypeError):
        raise MalformedRecord("not a valid first record of a segment") from None


def _check_copies(folder: Path, found: FoundChain | TornLine | None) -> None:
    """Check that the chain still contains the newest copied checkpoint, and find checkpoints without a copy."""
    *copies, _ = read_copies(folder).split(b"\n")
    sequence = 0
    if copies:
        offset = sum(len(line) + 1 for line in copies[:-1])
        copy = _intact(folder / CHECKPOINTS, offset, 0, copies[-1] + b"\n")
        sequence = copy.sequence
        if not isinstance(found, FoundChain) or copy.chain != found.chain or found.sequence < sequence:
            raise JournalCorrupt(
                relative_name(folder / CHECKPOINTS), offset, sequence, "the chain ends before this checkpoint"
            )
        if (record := record_at(folder, sequence)) is not None and record.line != copy.line:
            raise JournalCorrupt(
                relative_name(folder / CHECKPOINTS),
                offset,
                sequence,
                "the record of the chain differs from this copied checkpoint",
            )
    if isinstance(found, FoundChain):
        found.uncopied = [line for at, _, line in found.checkpoints if at > sequence]
        # Only durable checkpoints are copied.
        found.durable = max((end for at, end, _ in found.checkpoints if at <= sequence), default=0)
