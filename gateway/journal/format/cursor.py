"""The cursor: up to where a chain is shipped for good, kept in a file beside the segments.

`cursor.json` holds the last record that no collector can lose any more (chain, sequence, hash), and where the next one
begins (segment, offset). It is replaced as a whole or not at all.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from gateway.journal.format.durable_files import sync_folder
from gateway.journal.format.records import NO_HASH, Record
from gateway.journal.format.segments import CURSOR, Position


class CursorError(ValueError):
    """The file is there and is no cursor; what was shipped can't be told."""


class Cursor(NamedTuple):
    """A place in a chain: after the record `sequence`, whose hash is `hash`; the next one begins at `position`."""

    chain: str
    sequence: int
    hash: str
    position: Position

    @classmethod
    def after(cls, record: Record, end: Position) -> "Cursor":
        """The place behind a record."""
        return cls(record.chain, record.sequence, record.hash, end)


_MEMBERS: Final = {"chain": str, "sequence": int, "hash": str, "segment": int, "offset": int}


def load(chain_folder: Path) -> Cursor | None:
    """The cursor of a chain; None where nothing has been shipped for good yet."""
    try:
        content = (chain_folder / CURSOR).read_bytes()
    except FileNotFoundError:
        return None
    try:
        value = orjson.loads(content)
        members = [value[name] for name in _MEMBERS]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        raise CursorError(f"{chain_folder / CURSOR} is no cursor") from None
    if any(type(member) is not kind for member, kind in zip(members, _MEMBERS.values(), strict=True)):
        raise CursorError(f"{chain_folder / CURSOR} is no cursor")
    chain, sequence, digest, segment, offset = members
    if min(sequence, segment, offset) < 0 or len(digest) != len(NO_HASH):
        raise CursorError(f"{chain_folder / CURSOR} is no cursor")
    return Cursor(chain, sequence, digest, Position(segment, offset))


def store(chain_folder: Path, cursor: Cursor) -> None:
    """Write the cursor: after a crash the file holds either the one before or this one."""
    path = chain_folder / CURSOR
    temporary = path.with_suffix(".tmp")
    content = {
        "chain": cursor.chain,
        "sequence": cursor.sequence,
        "hash": cursor.hash,
        "segment": cursor.position.segment,
        "offset": cursor.position.offset,
    }
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=0) as file:
        file.write(orjson.dumps(content) + b"\n")
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(chain_folder)
