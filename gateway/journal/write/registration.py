"""Registration of a chain in the manifest of its directory.

It happens under the lock of the directory. The manifest decides which chain a folder must contain and which key signs.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from gateway.config.base import ConfigError, content
from gateway.journal.errors import JournalCorrupt
from gateway.journal.format import keys
from gateway.journal.format import manifest as manifests
from gateway.journal.format.cursor import sign_again
from gateway.journal.format.keys import SigningKey
from gateway.journal.format.manifest import MANIFEST, MalformedManifest, Manifest
from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import chain_folders, segment_starts
from gateway.journal.settings import AuditSettings
from gateway.journal.write.chain import new_chain_id
from gateway.journal.write.clock import now_ms
from gateway.journal.write.recovery import FoundChain
from gateway.journal.write.signed_head import (
    SignedHead,
    has_records,
    keys_after,
    named_manifest,
    record_at,
    signed_head,
    signed_removal,
)
from gateway.journal.write.signing_keys import signing_key

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    """chain: the id that the chain has or gets. signed: its last checkpoint; None for a new chain.

    removed: the last record that retention removed. digest_key: the configured digest key, or the directory's own.
    """

    key: SigningKey
    journal: str
    chain: str
    signed: SignedHead | None
    removed: Receipt | None
    digest_key: bytes


def register(settings: AuditSettings, folder: Path, found: FoundChain | None) -> Registration:
    """Check a chain against the manifest, list it if it is new, and choose the signing key.

    found: the chain in the folder; None if there is none. Raises JournalCorrupt if the chain or the manifest is not
    what it must be, ConfigError if the key may not sign, and OSError.
    """
    directory = settings.directory
    with manifests.locked(directory):
        listed = _load(directory)
        if listed is not None:
            _check_folders(directory, listed)
            _check_chain(folder, found, listed)
        signed = _signed(folder, found, listed, settings.signing_key_ids)
        key = _key(settings, listed, signed)
        digest_key = _digest_key(settings, listed)
        manifest = listed or _new_manifest(key, signed)
        if settings.digest_key is None and manifest.digest_key is None:
            manifest = replace(manifest, digest_key=keys.digest_key_id(digest_key))
        if signed is not None:
            _check_named_keys(folder, signed, {key.public.id, signed.key.id, *(each.id for each in manifest.keys)})
        removed = _removed(folder, found, signed)
        chain = found.chain if found is not None else new_chain_id()
        head = manifest.heads.get(folder.name)
        if head is None or head.chain != chain:
            manifest = manifest.with_head(folder.name, manifests.unwritten(chain))
        if manifest is not listed or manifest.key.id != key.public.id:
            _store(directory, manifest, key)
        keys.publish(directory, key.public)
    return Registration(key, manifest.journal, chain, signed, removed, digest_key)


def confirm(directory: Path, folder: str, head: Receipt, key: SigningKey) -> int:
    """Enter a durable head of a chain into the manifest; return the version of the manifest.

    Changes nothing if the journal is signed with another key by now. Raises OSError, JournalCorrupt.
    """
    with manifests.locked(directory):
        manifest = _load(directory)
        if manifest is None or manifest.key.id != key.public.id:
            return 0
        _store(directory, manifest.with_head(folder, head), key)
        return manifest.version + 1


def adopt(directory: Path, key: SigningKey) -> None:
    """Make this key the present key of a running journal. Raises OSError, JournalCorrupt."""
    with manifests.locked(directory):
        manifest = _load(directory)
        if manifest is not None and manifest.key.id != key.public.id:
            _store(directory, manifest, key)
        keys.publish(directory, key.public)


def _digest_key(settings: AuditSettings, listed: Manifest | None) -> bytes:
    """Return the configured or generated digest key. Raises ConfigError if the generated one was deleted or replaced.

    An attacker who replaces it with a known key could test guesses against the digests in later records.
    """
    path = keys.digest_key_path(settings.directory)
    expected = listed.digest_key if listed is not None and settings.digest_key is None else None
    if expected is not None and not path.exists():
        raise ConfigError(f"{path}: the digest key of the journal is missing; restore it, or set audit.digest_key")
    key = keys.digest_key(settings.directory, content(settings.digest_key))
    if expected is not None and keys.digest_key_id(key) != expected:
        raise ConfigError(f"{path}: not the digest key of this journal; restore it, or set audit.digest_key")
    return key


def _store(directory: Path, manifest: Manifest, key: SigningKey) -> None:
    previous = manifest.key
    if previous.id != key.public.id:
        _log.warning("audit_signing_key_adopted", previous=previous.id, key=key.public.id)
        for folder in chain_folders(directory):
            sign_again(folder, previous, key)
    manifests.store(directory, manifest.with_key(key.public), key, now_ms())


def _load(directory: Path) -> Manifest | None:
    try:
        manifest = manifests.load(directory)
    except MalformedManifest as error:
        raise _corrupt(str(error)) from None
    if manifest is None:
        for folder in chain_folders(directory):
            if named_manifest(folder) is not None:
                raise _corrupt(f"the manifest is missing, although {folder.name} names it")
    return manifest


def _new_manifest(key: SigningKey, signed: SignedHead | None) -> Manifest:
    """Return the manifest of a new journal, or of one that an older version began."""
    journal = f"journal-{secrets.token_hex(8)}"
    if signed is None:
        return Manifest(journal, (key.public,))
    _log.warning(
        "audit_manifest_begins", journal=journal, key=key.public.id, detail="an older version wrote the journal"
    )
    return Manifest(journal, (key.public,) if signed.key.id == key.public.id else (signed.key, key.public))


def _check_folders(directory: Path, listed: Manifest) -> None:
    """Check that no listed chain is missing."""
    for name, head in listed.heads.items():
        folder = directory / name
        if head.sequence and not (folder.is_dir() and has_records(folder)):
            raise _corrupt(f"chain {head.chain} is missing: {name} contains no records")


def _check_chain(folder: Path, found: FoundChain | None, listed: Manifest) -> None:
    """Check that a folder contains the listed chain."""
    head = listed.heads.get(folder.name)
    if head is not None and head.sequence == 0 and (found is None or head.chain != found.chain):
        head = None  # a crash interrupted its creation
    journal = named_manifest(folder)
    if journal not in (None, listed.journal):
        raise _corrupt(f"{folder.name} contains a chain of {journal}, and not of {listed.journal}")
    if found is None:
        if head is not None:
            raise _corrupt(f"chain {head.chain} is missing: {folder.name} contains no complete record")
    elif head is None:
        _check_unlisted(folder, found, listed)
    elif head.chain != found.chain:
        raise _corrupt(f"{folder.name} contains chain {found.chain} instead of {head.chain}")
    elif head.sequence >= segment_starts(folder)[0]:
        record = record_at(folder, head.sequence)
        if record is None or record.hash != head.hash:
            raise _corrupt(f"{folder.name} does not contain record {head.sequence} as the manifest lists it")


def _check_unlisted(folder: Path, found: FoundChain, listed: Manifest) -> None:
    """Check that an older version began a chain that the manifest does not list."""
    for name, head in listed.heads.items():
        if head.chain == found.chain:
            raise _corrupt(f"{folder.name} contains a copy of the chain of {name}")
    if (journal := named_manifest(folder)) is not None:
        raise _corrupt(f"the manifest does not list chain {found.chain} of {folder.name}, which belongs to {journal}")
    _log.warning("audit_chain_listed", folder=folder.name, chain=found.chain, detail="begun by an older version")


def _signed(
    folder: Path, found: FoundChain | None, listed: Manifest | None, permitted: Collection[str]
) -> SignedHead | None:
    """Return the last checkpoint of the chain. JournalCorrupt if a chain that must have one has none.

    Only a crash in the first moments of a chain leaves it without a checkpoint.
    """
    if found is None:
        return None
    known = {key.id: key for key in listed.keys} if listed is not None else {}
    signed = signed_head(folder, known)
    head = listed.heads.get(folder.name) if listed is not None else None
    if signed is None and found.sequence > 1 and (head is None or head.sequence):
        raise _corrupt(f"{folder.name} has no checkpoint")
    if signed is not None and known and signed.key.id not in {*known, *permitted}:
        raise _corrupt(
            f"the last checkpoint of {folder.name} is signed with key {signed.key.id}, which the manifest does not list"
        )
    if signed is not None and listed is not None and signed.checkpoint.manifest > listed.version:
        raise _corrupt(
            f"{folder.name} names version {signed.checkpoint.manifest} of the manifest, which has version "
            f"{listed.version}: the manifest was rolled back"
        )
    return signed


def _removed(folder: Path, found: FoundChain | None, signed: SignedHead | None) -> Receipt | None:
    """Return the last record that retention removed. JournalCorrupt if no signed record says that it did.

    An older version removed segments before the record was signed.
    """
    if found is None or signed is None or named_manifest(folder) is None:
        return found.removed if found is not None else None
    removed = signed_removal(folder, signed)
    first = segment_starts(folder)[0]
    if first > 1 and (removed is None or removed.sequence < first - 1):
        raise _corrupt(
            f"records before {first} of {folder.name} are missing, and no signed record names them as removed"
        )
    return removed


def _key(settings: AuditSettings, listed: Manifest | None, signed: SignedHead | None) -> SigningKey:
    """Return the key that may sign. Without a manifest, it is the key that signed the last checkpoint of any chain."""
    if listed is not None:
        return signing_key(settings, listed.key.id, new=False)
    others = [folder for folder in chain_folders(settings.directory) if has_records(folder)]
    for folder in others:
        signed = signed or signed_head(folder, {})
    return signing_key(settings, signed.key.id if signed is not None else None, new=not others)


def _check_named_keys(folder: Path, signed: SignedHead, permitted: Collection[str]) -> None:
    """Check that no unsigned record introduces a key: the next checkpoint would make verification trust that key."""
    for named in keys_after(folder, signed.sequence):
        if named.id not in permitted:
            raise _corrupt(f"an unsigned record of {folder.name} names key {named.id}, which was not adopted")


def _corrupt(problem: str) -> JournalCorrupt:
    return JournalCorrupt(MANIFEST, 0, 0, problem)
