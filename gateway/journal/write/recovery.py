"""What a start finds of a chain: its head, what a crash left of a last line, and the calls whose outcome is missing.

Reads the newest segment wholly, and of the others the first and last record; `verification` reads everything. Changes
nothing: the journal does, by what is found.
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
from gateway.journal.format.hash_chain import Links, is_torn
from gateway.journal.format.payloads import event_code, removed_by, request_id
from gateway.journal.format.records import NO_HASH, MalformedRecord, Receipt, Record, decode_body, parse
from gateway.journal.format.segments import CHECKPOINTS, segment_path, segment_starts

_TAIL_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class TornLine:
    """The beginning of a record at the end of the newest segment, which a crash cut off."""

    segment: int
    offset: int
    content: bytes

    def body(self, time: int) -> bytes:
        """Of the record that notes the cut."""
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
class Found:
    """A chain as it stands. size: of the newest segment, without a torn line. durable: so much of it was, for sure.

    open: the intents without an outcome, by request id. key_id: of the key that the newest segment names.
    removed: the last record that retention removed. checkpoints: of the newest segment, each with its sequence number
    and where it ends. uncopied: those without a copy.
    """

    chain: str
    segment: int
    size: int = 0
    durable: int = 0
    sequence: int = 0
    hash: str = NO_HASH
    open: dict[str, bytes] = field(default_factory=dict)
    key_id: str = ""
    removed: Receipt | None = None
    unsigned: int = 0
    torn: TornLine | None = None
    checkpoints: list[tuple[int, int, bytes]] = field(default_factory=list)
    uncopied: list[bytes] = field(default_factory=list)


def examine(folder: Path) -> Found | TornLine | None:
    """The chain in a folder; of one that never got its first record, what is there of it; None where there is nothing.

    JournalCorrupt where it does not verify.
    """
    starts = segment_starts(folder)
    found = _examine(folder, starts)
    _check_copies(folder, found)
    return found


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, each with its offset; the last one without a newline where the file ends without one."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            yield offset, line
            offset += len(line)


def _examine(folder: Path, starts: list[int]) -> Found | TornLine | None:
    if not starts:
        return None
    before = _check_links(folder, starts[:-1])
    found = _scan(folder, starts[-1], before)
    if isinstance(found, TornLine) and len(starts) > 1:
        # The crash came with the first record of a new segment: the one before is the newest that counts.
        earlier = _examine(folder, starts[:-1])
        if not isinstance(earlier, Found) or earlier.torn is not None:
            name = segment_path(folder, starts[-2]).name
            raise JournalCorrupt(name, 0, starts[-2], "it ends in the midst of a record")
        earlier.torn = found
        return earlier
    if isinstance(found, Found) and starts[0] > 1 and (found.removed is None or found.removed.sequence < starts[0] - 1):
        raise JournalCorrupt(segment_path(folder, starts[0]).name, 0, starts[0], "the records before it are missing")
    return found


def _check_links(folder: Path, starts: list[int]) -> Record | None:
    """That each of these segments begins where the one before ends; the last record of the last one."""
    before: Record | None = None
    for start in starts:
        path = segment_path(folder, start)
        with path.open("rb") as file:
            first = _whole(path, 0, start, file.readline())
        check_first(path, first, before)
        before = _last(path, start)
    return before


def check_first(path: Path, first: Record, before: Record | None) -> None:
    """That the first record of a segment is what the file's name says and its predecessor demands."""
    expected = int(path.stem)
    if first.sequence != expected:
        raise JournalCorrupt(path.name, 0, first.sequence, f"the segment begins with record {first.sequence}")
    if before is None:
        if first.sequence == 1 and first.previous != NO_HASH:
            raise JournalCorrupt(path.name, 0, 1, "the first record has a predecessor")
    elif first.sequence != before.sequence + 1:
        raise JournalCorrupt(path.name, 0, before.sequence + 1, "records are missing before this segment")
    elif first.chain != before.chain or first.previous != before.hash:
        raise JournalCorrupt(path.name, 0, first.sequence, "its link is not the hash of the record before it")


def _last(path: Path, start: int) -> Record:
    """The last record of a segment that has a successor."""
    with path.open("rb") as file:
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
    return _whole(path, begin + newline + 1, start, tail[newline + 1 :])


def _whole(path: Path, offset: int, sequence: int, line: bytes) -> Record:
    try:
        record = parse(line)
    except MalformedRecord as error:
        raise JournalCorrupt(path.name, offset, sequence, str(error)) from None
    if not record.intact:
        raise JournalCorrupt(path.name, offset, record.sequence, "its content is not what its hash was made of")
    return record


def _scan(folder: Path, start: int, before: Record | None) -> Found | TornLine:
    """Read the newest segment."""
    path = segment_path(folder, start)
    links: Links | None = Links(before.chain, before.sequence, before.hash) if before is not None else None
    found: Found | None = None
    if before is not None and before.sequence + 1 != start:
        raise JournalCorrupt(path.name, 0, before.sequence + 1, "records are missing before this segment")
    for offset, line in lines_of(path):
        if links is None and line.endswith(b"\n"):
            first = _whole(path, offset, start, line)
            check_first(path, first, before)
            links = Links(first.chain, first.sequence - 1, first.previous)
        if not line.endswith(b"\n"):
            if not is_torn(line, links.opening() if links is not None else None):
                raise JournalCorrupt(path.name, offset, links.sequence + 1 if links else start, "its end was altered")
            torn = TornLine(start, offset, line)
            if found is None:
                return torn
            found.torn = torn
            break
        assert links is not None
        if found is None:
            found = Found(links.chain, start)
        _note(path, offset, line, links, found)
    return found or TornLine(start, 0, b"")


def _note(path: Path, offset: int, line: bytes, links: Links, found: Found) -> None:
    try:
        kind, body = links.follow(line)
        found.unsigned += 1
        if kind == b"event":
            _note_event(body, found)
        elif kind == b"segment":
            _note_segment(decode_body(body), found)
        elif kind == b"checkpoint":
            found.unsigned = 0
            found.checkpoints.append((links.sequence, offset + len(line), line))
        elif kind == b"retention":
            found.removed = removed_by(found.chain, decode_body(body))
    except MalformedRecord as error:
        raise JournalCorrupt(path.name, offset, links.sequence + 1, str(error)) from None
    found.sequence, found.hash, found.size = links.sequence, links.hash, offset + len(line)


def _note_event(body: bytes, found: Found) -> None:
    event = decode_body(body)
    if (request := request_id(event)) is None:
        return
    code = event_code(event)
    if code == "intent":
        found.open[request] = body
    elif code == "outcome":
        found.open.pop(request, None)


def _note_segment(body: Mapping[str, Any], found: Found) -> None:
    try:
        found.open = {str(entry["request"]): orjson.dumps(entry["body"]) for entry in body["open"]}
        found.key_id = str(body["key"]["id"])
        if "removed" in body:
            found.removed = removed_by(found.chain, body)
    except (KeyError, TypeError):
        raise MalformedRecord("it does not head a segment") from None


def _check_copies(folder: Path, found: Found | TornLine | None) -> None:
    """That the chain still holds the newest checkpoint that was kept."""
    *copies, _ = read_copies(folder).split(b"\n")
    sequence = 0
    if copies:
        offset = sum(len(line) + 1 for line in copies[:-1])
        kept = _whole(folder / CHECKPOINTS, offset, 0, copies[-1] + b"\n")
        sequence = kept.sequence
        if not isinstance(found, Found) or kept.chain != found.chain or found.sequence < sequence:
            raise JournalCorrupt(CHECKPOINTS, offset, sequence, "the chain ends before this checkpoint")
    if isinstance(found, Found):
        found.uncopied = [line for at, _, line in found.checkpoints if at > sequence]
        # A copy is made of what is durable.
        found.durable = max((end for at, end, _ in found.checkpoints if at <= sequence), default=0)
