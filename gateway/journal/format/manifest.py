"""The manifest: a signed note that lists the chains of an audit directory and the keys that signed them.

Every chain names the manifest in the first records of its segments, so a missing manifest is an error. The extension
lines of the note are, in this order:

    manifest
    version <number>                             grows with each change; checkpoints name the version that they know
    time <milliseconds since 1970>
    digest-key <id>                              only if the gateway generated the key in the directory
    key <id> <public key>                        once or more; the first is the present key, which signs the manifest
    chain <folder> <id> <sequence> <hash>        once per chain: a record that the chain has at least reached, or
                                                 sequence 0 while the chain is being created

Readers ignore lines of other kinds, which later versions may add. Only the writer changes the manifest, and only while
it holds the lock of the directory.
"""

import contextlib
import errno
import fcntl
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from gateway.journal.format import durable_files
from gateway.journal.format.keys import JournalPublicKey, SigningKey
from gateway.journal.format.records import NO_HASH, Receipt
from gateway.journal.format.regular_files import open_file, read_file
from gateway.journal.format.signed_notes import MAXIMUM_BYTES, MalformedNote, SignedNote, sign_checkpoint

MANIFEST: Final = "manifest"
_LOCK: Final = "manifest.lock"
_LOCK_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.01
_ORIGIN: Final = re.compile(r"keyway\.audit/(journal-[0-9a-f]{16})", re.ASCII)
_LINE: Final = re.compile(
    r"time (?P<time>\d+)"
    r"|version (?P<version>\d+)"
    r"|digest-key (?P<digest_key>[0-9a-f]{16})"
    r"|key (?P<key>[0-9a-f]{16}) (?P<public>[A-Za-z0-9+/=]+)"
    r"|chain (?P<folder>worker-\d+) (?P<chain>[a-z0-9-]+) (?P<sequence>\d+) (?P<hash>[0-9a-f]{64})",
    re.ASCII,
)


class MalformedManifest(ValueError):
    """The file is not a valid manifest. The message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """journal: the id of the directory's journal. keys: the present key, and then earlier ones.

    heads: by folder, a record that its chain has at least reached; sequence 0 while the chain is being created.
    digest_key: the id of the generated digest key; None if there is none.
    """

    journal: str
    keys: tuple[JournalPublicKey, ...]
    heads: dict[str, Receipt] = field(default_factory=dict)
    time: int = 0
    version: int = 0
    digest_key: str | None = None
    note: SignedNote | None = None

    @property
    def key(self) -> JournalPublicKey:
        """The present key."""
        return self.keys[0]

    def with_head(self, folder: str, head: Receipt) -> Self:
        """Return the manifest with another head of a folder."""
        return replace(self, heads={**self.heads, folder: head})

    def with_key(self, key: JournalPublicKey) -> Self:
        """Return the manifest with another present key."""
        return replace(self, keys=(key, *(each for each in self.keys if each.id != key.id)))

    @classmethod
    def parse(cls, content: bytes) -> "Manifest":
        """Read a manifest, and verify that its present key signed it. Raises MalformedManifest."""
        try:
            note = SignedNote.parse(content.decode())
            kind, *lines = note.extensions
        except (UnicodeDecodeError, MalformedNote, ValueError):
            raise MalformedManifest("the manifest is not a signed note") from None
        origin = _ORIGIN.fullmatch(note.origin)
        if origin is None or kind != MANIFEST:
            raise MalformedManifest("the note is not a manifest")
        manifest = _read(origin[1], lines)
        if not note.signed_by(manifest.key):
            raise MalformedManifest(f"the signature of the manifest does not verify with key {manifest.key.id}")
        return replace(manifest, note=note)


def read(directory: Path) -> bytes | None:
    """Return the content of the manifest of a directory; None if there is none. Raises OSError."""
    try:
        return read_file(directory / MANIFEST, MAXIMUM_BYTES)
    except FileNotFoundError:
        return None


def load(directory: Path) -> Manifest | None:
    """Return the manifest of a directory; None if there is none. Raises MalformedManifest, OSError."""
    content = read(directory)
    return Manifest.parse(content) if content is not None else None


def store(directory: Path, manifest: Manifest, key: SigningKey, time_ms: int) -> None:
    """Sign the next version of the manifest with its present key, and replace the file durably.

    time_ms: milliseconds since 1970.
    """
    assert key.public.id == manifest.key.id
    lines = [MANIFEST, f"version {manifest.version + 1}", f"time {time_ms}"]
    lines += [f"digest-key {manifest.digest_key}"] if manifest.digest_key is not None else []
    lines += [f"key {each.id} {each.text}" for each in manifest.keys]
    lines += [
        f"chain {folder} {head.chain} {head.sequence} {head.hash}" for folder, head in sorted(manifest.heads.items())
    ]
    note = sign_checkpoint(f"keyway.audit/{manifest.journal}", lines, key)
    durable_files.replace(directory / MANIFEST, note.encode())


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of the directory. Blocks while another process changes the manifest.

    Raises BlockingIOError if that takes too long.
    """
    file = open_file(directory / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        ends = time.monotonic() + _LOCK_SECONDS
        while not _lock(file):
            if time.monotonic() > ends:
                raise BlockingIOError(errno.EWOULDBLOCK, "another process holds the lock", str(directory / _LOCK))
            time.sleep(_RETRY_SECONDS)
        yield
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unwritten(chain: str) -> Receipt:
    """The head of a chain that is being created."""
    return Receipt(chain, 0, NO_HASH)


def _read(journal: str, lines: list[str]) -> Manifest:
    keys: list[JournalPublicKey] = []
    heads: dict[str, Receipt] = {}
    numbers: dict[str, int] = {}
    digest_key = None
    for line in lines:
        if (match := _LINE.fullmatch(line)) is None:
            continue
        if match["time"] or match["version"]:
            numbers[line.partition(" ")[0]] = int(match["time"] or match["version"])
        elif match["digest_key"]:
            digest_key = match["digest_key"]
        elif match["key"]:
            keys.append(_key(match["key"], match["public"]))
        elif match["folder"] in heads:
            raise MalformedManifest(f"the manifest lists {match['folder']} twice")
        else:
            heads[match["folder"]] = Receipt(match["chain"], int(match["sequence"]), match["hash"])
    if not keys:
        raise MalformedManifest("the manifest names no key")
    return Manifest(journal, tuple(keys), heads, numbers.get("time", 0), numbers.get("version", 0), digest_key)


def _key(key_id: str, text: str) -> JournalPublicKey:
    try:
        key = JournalPublicKey.from_text(text)
    except ValueError:
        raise MalformedManifest("the manifest names an invalid key") from None
    if key.id != key_id:
        raise MalformedManifest("the id of a key in the manifest does not match the key")
    return key
