"""Checkpoints: the head of a chain, signed. Makes and reads their bodies, and keeps copies of them beside the chain.

A copy is the record's own line, appended to `checkpoints.jsonl` once the record is durable: a chain whose tail was cut
below one that is kept no longer holds it.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from gateway.journal.format.durable_files import FILE_MODE, sync_folder
from gateway.journal.format.keys import SigningKey, VerifyingKey
from gateway.journal.format.records import MalformedRecord, Receipt
from gateway.journal.format.segments import CHECKPOINTS


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed head. time: milliseconds since 1970."""

    head: Receipt
    time: int
    key_id: str
    signature: bytes

    @classmethod
    def from_body(cls, chain: str, body: dict[str, Any]) -> Self:
        """Of a checkpoint record's body; MalformedRecord where it is not of the form."""
        try:
            head = Receipt.parse(f"{chain}:{body['head']['sequence']}:{body['head']['hash']}")
            time, key_id, signature = body["time"], body["key"], base64.b64decode(body["signature"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise MalformedRecord("it is no checkpoint") from None
        if not isinstance(time, int) or not isinstance(key_id, str):
            raise MalformedRecord("it is no checkpoint")
        return cls(head, time, key_id, signature)

    def signed_by(self, key: VerifyingKey) -> bool:
        """Whether the signature is this key's."""
        return key.signed(self.signature, _message(self.head, self.time, self.key_id))


def checkpoint_body(head: Receipt, time: int, key: SigningKey) -> bytes:
    """The body of the record that signs the head before it."""
    signature = key.sign(_message(head, time, key.public.id))
    return orjson.dumps(
        {
            "head": {"sequence": head.sequence, "hash": head.hash},
            "time": time,
            "key": key.public.id,
            "signature": base64.b64encode(signature).decode(),
        }
    )


def _message(head: Receipt, time: int, key_id: str) -> bytes:
    """What is signed. No part can hold a newline, so one sequence of bytes has one meaning."""
    parts = ("keyway-audit-checkpoint-1", head.chain, head.sequence, head.hash, time, key_id)
    return "".join(f"{part}\n" for part in parts).encode()


def read_copies(chain: Path) -> bytes:
    """What is in the file of copies, a torn last line included."""
    try:
        return (chain / CHECKPOINTS).read_bytes()
    except FileNotFoundError:
        return b""


def append_copies(chain: Path, lines: Sequence[bytes]) -> None:
    """Add copies, durably; what an interrupted call left of a line is cut off."""
    file = os.open(chain / CHECKPOINTS, os.O_RDWR | os.O_CREAT, FILE_MODE)
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
    finally:
        os.close(file)
