"""The shipping cursor: how far a chain was shipped, kept in a file next to the segments.

`cursor.json` names the last record that no collector can lose any more (chain, sequence, hash), and the position of the
next record (segment, offset). It is signed with the key of the journal, because retention removes what was shipped.
Older versions wrote it without a signature, and ignore it. The file is replaced atomically.
"""

import base64
import binascii
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from gateway.journal.format.durable_files import replace
from gateway.journal.format.keys import JournalPublicKey, SigningKey
from gateway.journal.format.records import NO_HASH, Record
from gateway.journal.format.regular_files import read_file
from gateway.journal.format.segments import CURSOR, ChainPosition


class CursorError(ValueError):
    """The cursor file exists and is invalid, so it is unknown what was shipped."""


class CursorNotSigned(CursorError):
    """The cursor is not signed with the journal's key: an older version wrote it, the key changed, or it is forged."""


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


_MAXIMUM_BYTES: Final = 1 << 16
_MEMBERS: Final = {"chain": str, "sequence": int, "hash": str, "segment": int, "offset": int}


class CursorFile(NamedTuple):
    """The content of a cursor file. signature: None in a file of an older version."""

    cursor: Cursor
    signature: bytes | None

    def signed_by(self, key: JournalPublicKey) -> bool:
        """Return whether this key signed the cursor."""
        return self.signature is not None and key.verifies(self.signature, _signed_message(self.cursor))


def load(chain_folder: Path) -> CursorFile | None:
    """Return the cursor of a chain, or None if nothing was shipped yet. Raises CursorError or OSError."""
    try:
        content = read_file(chain_folder / CURSOR, _MAXIMUM_BYTES)
    except FileNotFoundError:
        return None
    try:
        value = orjson.loads(content)
        members = [value[name] for name in _MEMBERS]
        signature = base64.b64decode(value["signature"], validate=True) if "signature" in value else None
    except (orjson.JSONDecodeError, LookupError, TypeError, binascii.Error):
        raise _invalid(chain_folder) from None
    if any(type(member) is not kind for member, kind in zip(members, _MEMBERS.values(), strict=True)):
        raise _invalid(chain_folder)
    chain, sequence, digest, segment, offset = members
    if min(sequence, segment, offset) < 0 or len(digest) != len(NO_HASH):
        raise _invalid(chain_folder)
    return CursorFile(Cursor(chain, sequence, digest, ChainPosition(segment, offset)), signature)


def load_signed(chain_folder: Path, key: JournalPublicKey) -> Cursor | None:
    """Return the cursor, or None if the file does not exist. Raises CursorNotSigned, CursorError, OSError."""
    if (file := load(chain_folder)) is None:
        return None
    if not file.signed_by(key):
        raise CursorNotSigned(f"{chain_folder / CURSOR} is not signed with key {key.id}")
    return file.cursor


def store(chain_folder: Path, cursor: Cursor, key: SigningKey | None) -> None:
    """Write the cursor. After a crash the file contains the previous cursor or this one. key: None does not sign it."""
    content: dict[str, object] = {
        "chain": cursor.chain,
        "sequence": cursor.sequence,
        "hash": cursor.hash,
        "segment": cursor.position.segment,
        "offset": cursor.position.offset,
    }
    if key is not None:
        content["signature"] = base64.b64encode(key.sign(_signed_message(cursor))).decode()
    replace(chain_folder / CURSOR, orjson.dumps(content) + b"\n")


def sign_again(chain_folder: Path, previous: JournalPublicKey, key: SigningKey) -> None:
    """After a change of the key: sign the cursor with the new key, if the previous one signed it. Raises OSError."""
    try:
        cursor = load_signed(chain_folder, previous)
    except CursorError:
        return
    if cursor is not None:
        store(chain_folder, cursor, key)


def _signed_message(cursor: Cursor) -> bytes:
    """Return the signed bytes. No part can contain a newline, so the parts can be separated in one way only."""
    position = cursor.position
    parts = ("keyway-audit-cursor-1", cursor.chain, cursor.sequence, cursor.hash, position.segment, position.offset)
    return "".join(f"{part}\n" for part in parts).encode()


def _invalid(chain_folder: Path) -> CursorError:
    return CursorError(f"{chain_folder / CURSOR} is not a valid cursor file")
