"""The signed head of a chain: its last checkpoint, verified, and the keys that the records after it name.

Reads only as many segments as necessary.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.journal.errors import JournalCorrupt
from gateway.journal.format.checkpoints import Checkpoint
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.payloads import manifest_of, named_key, removed_by
from gateway.journal.format.records import MalformedRecord, Receipt, Record, parse
from gateway.journal.format.segments import open_segment, relative_name, segment_path, segment_starts

_CHECKPOINT: Final = b'"kind":"checkpoint"'
_RETENTION: Final = b'"kind":"retention"'
_OPENING_BYTES: Final = 256
"""The kind of a record is within this many bytes, because ids and numbers are short."""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The last checkpoint of a chain. sequence: of the checkpoint itself. key: the key that signed it."""

    sequence: int
    checkpoint: Checkpoint
    key: JournalPublicKey


def signed_head(folder: Path, known: Mapping[str, JournalPublicKey]) -> SignedHead | None:
    """Return the last checkpoint; None if the chain has none. JournalCorrupt if it is not valid.

    known: keys that can have signed it, by id. Otherwise the segment of the checkpoint, or the one before, names the
    key. The caller decides whether it trusts that key.
    """
    starts = segment_starts(folder)
    for index in reversed(range(len(starts))):
        path = segment_path(folder, starts[index])
        if (line := _last_checkpoint(path)) is not None:
            named = [_named_key(segment_path(folder, start)) for start in starts[max(0, index - 1) : index + 1]]
            keys = {**{key.id: key for key in named if key is not None}, **known}
            try:
                return _verified(parse(line), keys)
            except MalformedRecord as error:
                raise JournalCorrupt(relative_name(path), 0, 0, f"the last checkpoint is not valid: {error}") from None
    return None


def signed_removal(folder: Path, signed: SignedHead) -> Receipt | None:
    """Return the last record that retention removed according to signed records; None if it removed nothing.

    An unsigned record is no proof: an attacker who wrote it could have removed the segments too.
    """
    start = max(start for start in segment_starts(folder) if start <= signed.sequence)
    removed: Receipt | None = None
    chain = signed.checkpoint.head.chain
    with open_segment(segment_path(folder, start)) as file:
        for sequence, line in enumerate(file, start):
            if sequence >= signed.sequence:
                break
            if sequence == start or line.find(_RETENTION, 0, _OPENING_BYTES) >= 0:
                body = parse(line).value()
                removed = removed_by(chain, body) if "removed" in body else removed
    return removed


def keys_after(folder: Path, sequence: int) -> Iterator[JournalPublicKey]:
    """Return the keys that segments after this record name."""
    for start in segment_starts(folder):
        if start > sequence and (key := _named_key(segment_path(folder, start))) is not None:
            yield key


def named_manifest(folder: Path) -> str | None:
    """Return the id of the journal, from the newest segment that names a manifest; None if no segment does."""
    for start in reversed(segment_starts(folder)):
        if (head := _head(segment_path(folder, start))) is not None and (journal := manifest_of(head)) is not None:
            return journal
    return None


def record_at(folder: Path, sequence: int) -> Record | None:
    """Return a record of the chain; None if it does not exist. JournalCorrupt if a line before it is not a record."""
    start = max((start for start in segment_starts(folder) if start <= sequence), default=None)
    if start is None:
        return None
    path = segment_path(folder, start)
    with open_segment(path) as file:
        for number, line in enumerate(file, start):
            if number == sequence:
                try:
                    return parse(line)
                except MalformedRecord as error:
                    raise JournalCorrupt(relative_name(path), 0, sequence, str(error)) from None
    return None


def has_records(folder: Path) -> bool:
    """Return whether the chain has a complete record."""
    return any(_head(segment_path(folder, start)) is not None for start in segment_starts(folder))


def _verified(record: Record, keys: Mapping[str, JournalPublicKey]) -> SignedHead:
    checkpoint = Checkpoint.from_body(record.chain, record.value())
    if not record.intact or (checkpoint.head.sequence, checkpoint.head.hash) != (record.sequence - 1, record.previous):
        raise MalformedRecord("it signs another record than the one before it")
    if (key := keys.get(checkpoint.key_id)) is None:
        raise MalformedRecord(f"it is signed with unknown key {checkpoint.key_id}")
    if not checkpoint.signed_by(key):
        raise MalformedRecord(f"the signature does not verify with key {checkpoint.key_id}")
    return SignedHead(record.sequence, checkpoint, key)


def _last_checkpoint(path: Path) -> bytes | None:
    last = None
    with open_segment(path) as file:
        for line in file:
            if line.find(_CHECKPOINT, 0, _OPENING_BYTES) >= 0 and line.endswith(b"\n"):
                last = line
    return last


def _head(path: Path) -> dict[str, Any] | None:
    with open_segment(path) as file:
        line = file.readline()
    try:
        return parse(line).value() if line.endswith(b"\n") else None
    except MalformedRecord as error:
        raise JournalCorrupt(relative_name(path), 0, 0, str(error)) from None


def _named_key(path: Path) -> JournalPublicKey | None:
    if (head := _head(path)) is None:
        return None
    try:
        return named_key(head)
    except MalformedRecord as error:
        raise JournalCorrupt(relative_name(path), 0, 0, str(error)) from None
