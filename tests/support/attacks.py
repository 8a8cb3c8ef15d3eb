"""What an attacker can do with write access to a journal directory, and without the signing key."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.records import Kind, encode, parse
from gateway.journal.format.segments import CURSOR, segment_path, segment_starts
from tests.support.journals import chain_records


def key_id(path: Path) -> str:
    """The id of the key in a file."""
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return JournalPublicKey(key.public_key()).id


def rewrite(folder: Path, sequence: int, old: bytes, new: bytes) -> None:
    """Change the content of a record in the newest segment, and link this and all later records again."""
    path = segment_path(folder, segment_starts(folder)[-1])
    lines: list[bytes] = []
    previous = ""
    for line in path.read_bytes().splitlines(keepends=True):
        record = parse(line)
        body = record.body.replace(old, new) if record.sequence == sequence else record.body
        linked, previous = encode(record.chain, record.sequence, previous or record.previous, record.kind, body)
        lines.append(linked)
    path.write_bytes(b"".join(lines))


def append(folder: Path, kind: Kind, body: bytes, *, segment: bool = False) -> None:
    """Add a record with the right hash and link; in a new segment if `segment`."""
    last = chain_records(folder)[-1]
    line, _ = encode(last.chain, last.sequence + 1, last.hash, kind, body)
    start = last.sequence + 1 if segment else segment_starts(folder)[-1]
    with segment_path(folder, start).open("ab") as file:
        file.write(line)


def cut_off(folder: Path, after: int) -> None:
    """Remove the records after this one from the newest segment, and nothing else."""
    path = segment_path(folder, segment_starts(folder)[-1])
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if parse(line).sequence <= after]
    path.write_bytes(b"".join(lines))


def forge_cursor(folder: Path, **members: Any) -> None:
    """Write a cursor that says that everything was shipped, with a signature of the right form."""
    last = chain_records(folder)[-1]
    content = {
        "chain": last.chain,
        "sequence": last.sequence,
        "hash": last.hash,
        "segment": segment_starts(folder)[-1],
        "offset": segment_path(folder, segment_starts(folder)[-1]).stat().st_size,
        **members,
    }
    (folder / CURSOR).write_text(json.dumps(content))


def signature() -> str:
    """A signature that no key made."""
    return base64.b64encode(bytes(64)).decode()


def copied(directory: Path, name: str) -> Path:
    """A copy of a directory, beside it."""
    return Path(shutil.copytree(directory, directory.with_name(name)))
