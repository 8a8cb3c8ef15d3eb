"""Checkpoints: signed heads of a chain. Builds and reads their bodies, and keeps copies of them next to the chain.

A checkpoint has two signatures: that of version 1 of the format, which older versions verify, and a signed note, which
says in addition whether the journal was closed. Checkpoints of older versions have no note.

A copy is the line of the checkpoint record, appended to `checkpoints.jsonl` after the record is durable. If the end of
a chain is cut off below a copied checkpoint, verification finds the copy without its record.
"""

import base64
import binascii
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import orjson

from gateway.journal.format.durable_files import sync_folder
from gateway.journal.format.keys import JournalPublicKey, SigningKey
from gateway.journal.format.records import MalformedRecord, Receipt
from gateway.journal.format.regular_files import open_file, read_file
from gateway.journal.format.segments import CHECKPOINTS
from gateway.journal.format.signed_notes import MalformedNote, SignedNote, sign_checkpoint

_ORIGIN: Final = "keyway.audit/"
_STOP: Final = "stop"
_MAXIMUM_COPIES_BYTES: Final = 16 << 20
"""The writer keeps the file far smaller."""
_MANIFEST: Final = re.compile(r"manifest (\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed head of a chain. time: milliseconds since 1970. stop: whether it is the last one of a clean stop.

    manifest: the newest version of the manifest that the writer knew; 0 in checkpoints of older versions.
    """

    head: Receipt
    time: int
    key_id: str
    signature: bytes
    note: SignedNote | None = None
    stop: bool = False
    manifest: int = 0

    @classmethod
    def from_body(cls, chain: str, body: dict[str, Any]) -> Self:
        """Read the body of a checkpoint record. Raises MalformedRecord."""
        try:
            head = Receipt.parse(f"{chain}:{body['head']['sequence']}:{body['head']['hash']}")
            time, key_id, signature = body["time"], body["key"], base64.b64decode(body["signature"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise MalformedRecord("not a valid checkpoint") from None
        if type(time) is not int or not isinstance(key_id, str):
            raise MalformedRecord("not a valid checkpoint")
        if "note" not in body:
            return cls(head, time, key_id, signature)
        note, lines = _parse_note(body["note"], head, time)
        versions = [int(match[1]) for line in lines if (match := _MANIFEST.fullmatch(line))]
        return cls(head, time, key_id, signature, note, _STOP in lines, max(versions, default=0))

    def signed_by(self, key: JournalPublicKey) -> bool:
        """Return whether this key made the signatures."""
        return key.verifies(self.signature, _signed_message(self.head, self.time, self.key_id)) and (
            self.note is None or self.note.signed_by(key)
        )


def checkpoint_body(head: Receipt, time: int, key: SigningKey, *, manifest: int = 0, stop: bool = False) -> bytes:
    """Return the body of a record that signs `head`, the record before it.

    time: milliseconds since 1970. manifest: the version of the manifest. stop: whether the journal is closed with
    this record.
    """
    signature = key.sign(_signed_message(head, time, key.public.id))
    return orjson.dumps(
        {
            "head": {"sequence": head.sequence, "hash": head.hash},
            "time": time,
            "key": key.public.id,
            "signature": base64.b64encode(signature).decode(),
            "note": sign_checkpoint(
                f"{_ORIGIN}{head.chain}",
                [*_head_lines(head, time), f"manifest {manifest}", *([_STOP] if stop else [])],
                key,
            ),
        }
    )


def _head_lines(head: Receipt, time: int) -> list[str]:
    return [f"head {head.sequence} {head.hash}", f"time {time}"]


def _parse_note(text: object, head: Receipt, time: int) -> tuple[SignedNote, list[str]]:
    """Return the note, and its lines after the head and the time. MalformedRecord if it names another head."""
    try:
        note = SignedNote.parse(text if isinstance(text, str) else "")
        lines = note.extensions
    except MalformedNote as error:
        raise MalformedRecord(f"not a valid checkpoint: {error}") from None
    named = _head_lines(head, time)
    if (note.origin, lines[: len(named)]) != (f"{_ORIGIN}{head.chain}", named):
        raise MalformedRecord("the signed note of the checkpoint names another record than the checkpoint")
    return note, lines[len(named) :]


def _signed_message(head: Receipt, time: int, key_id: str) -> bytes:
    """Return the signed bytes. No part can contain a newline, so the parts can be separated in one way only."""
    parts = ("keyway-audit-checkpoint-1", head.chain, head.sequence, head.hash, time, key_id)
    return "".join(f"{part}\n" for part in parts).encode()


def read_copies(chain: Path) -> bytes:
    """Return the content of the file of copies, including a torn last line."""
    try:
        return read_file(chain / CHECKPOINTS, _MAXIMUM_COPIES_BYTES)
    except FileNotFoundError:
        return b""


def append_copies(chain: Path, lines: Sequence[bytes]) -> int:
    """Append copies durably; return the size of the file. Cuts off a torn last line of an interrupted call first."""
    file = open_file(chain / CHECKPOINTS, os.O_RDWR | os.O_CREAT)
    try:
        size = os.fstat(file).st_size
        if size == 0:
            sync_folder(chain)
        while size and os.pread(file, 1, size - 1) != b"\n":
            size -= 1
        os.ftruncate(file, size)
        added = b"".join(lines)
        if os.pwrite(file, added, size) != len(added):
            os.ftruncate(file, size)
            raise OSError(28, "No space left on device", str(chain / CHECKPOINTS))
        try:
            os.fdatasync(file)
        except OSError:
            os.ftruncate(file, size)
            raise
        return size + len(added)
    finally:
        os.close(file)
