"""The shipping cursor: how far a chain was shipped, kept in a file next to the segments.

`cursor.json` names the last record that no collector can lose any more (chain, sequence, hash), and the position of the
next record (segment, offset). The file is replaced atomically.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from gateway.journal.format.durable_files import sync_folder
from gateway.journal.format.records import NO_HASH, Record
from gateway.journal.format.segments import CURSOR, ChainPosition


class CursorError(ValueError):
    """The cursor file exists and is invalid, so it is unknown what was shipped."""


class Cursor(NamedTuple):
    """The last shipped record (`sequence`, `hash`), and the position of the next one."""

    chain: str
    sequence: int
    hash: str
    position: ChainPosition

    @classmethod
    def after(cls, record: Record, end: ChainPosition) -> "Cursor":
        """Return the cursor after a record that ends at `end`."""
        return cls(record.chain, record.sequence, record.hash, end)


_MEMBERS: Final = {"chain": str, "sequence": int, "hash": str, "segment": int, "offset": int}


def load(chain_folder: Path) -> Cursor | None:
    """Return the cursor of a chain, or None if nothing was shipped yet. Raises CursorError or OSError."""
    try:
        content = (chain_folder / CURSOR).read_bytes()
    except FileNotFoundError:
        return None
    try:
        value = orjson.loads(content)
        members = [value[name] for name in _MEMBERS]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        raise _invalid(chain_folder) from None
    if any(type(member) is not kind for member, kind in zip(members, _MEMBERS.values(), strict=True)):
        raise _invalid(chain_folder)
    chain, sequence, digest, segment, offset = members
    if min(sequence, segment, offset) < 0 or len(digest) != len(NO_HASH):
        raise _invalid(chain_folder)
    return Cursor(chain, sequence, digest, ChainPosition(segment, offset))


def store(chain_folder: Path, cursor: Cursor) -> None:
    """Write the cursor. After a crash the file contains the previous cursor or this one."""
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


def _invalid(chain_folder: Path) -> CursorError:
    return CursorError(f"{chain_folder / CURSOR} is not a valid cursor file")
