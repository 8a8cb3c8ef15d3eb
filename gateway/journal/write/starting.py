"""The start of a journal chain: locking, loading of the keys, and recovery from the end of the last run.

May read a large segment, so it can run on any thread. After that, only the event loop uses the chain.
"""

import fcntl
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.journal.errors import DISK_FULL, JournalCorrupt
from gateway.journal.format.checkpoints import append_copies, checkpoint_body
from gateway.journal.format.compressed_segments import DamagedSegment
from gateway.journal.format.durable_files import make_folder, sync_folder
from gateway.journal.format.keys import SigningKey
from gateway.journal.format.records import NO_HASH, Receipt
from gateway.journal.format.regular_files import open_file
from gateway.journal.format.segments import LOCK, RESERVE, relative_name, segment_path
from gateway.journal.settings import AuditSettings
from gateway.journal.write.chain import Chain, OpenSegment
from gateway.journal.write.clock import now_ms
from gateway.journal.write.compression import decompress
from gateway.journal.write.manifest_version import ManifestVersion
from gateway.journal.write.recovery import FoundChain, TornLine, examine
from gateway.journal.write.registration import Registration, confirm, register
from gateway.journal.write.reserve import Reserve
from gateway.journal.write.signed_head import SignedHead

_IN_USE: Final = "another process uses this journal; is another gateway running with the same audit.directory?"
_START_BYTES: Final = 1 << 16
"""The space for what a start writes on a full disk."""
UnknownOutcome = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes an outcome event with an unknown result from an intent event."""


@dataclass(slots=True)
class StartedChain:
    """A chain that is ready for records, and durable. resources: its open files.

    journal: the id of the journal. manifest: the known version of its manifest. removed: the last record that retention
    removed. unsigned: the number of records after the last checkpoint. stopped: whether the last record is the
    checkpoint of a clean stop. disk_full: the error that prevents calls until space is free; None if there is none.
    """

    chain: Chain
    reserve: Reserve
    key: SigningKey
    digest_key: bytes
    journal: str
    manifest: ManifestVersion
    removed: Receipt | None
    unsigned: int
    stopped: bool
    disk_full: OSError | None
    resources: ExitStack


def start(settings: AuditSettings, folder: Path, unknown_outcome: UnknownOutcome) -> StartedChain:
    """Continue the chain in `folder`, or begin one.

    Raises OSError if the disk fails, JournalCorrupt if the chain or the manifest does not verify, ConfigError for a key
    that is invalid or may not sign.
    """
    make_folder(settings.directory)
    make_folder(folder)
    with ExitStack() as resources:
        lock(folder / LOCK, resources)
        try:
            found = examine(folder)
            registration = register(settings, folder, found if isinstance(found, FoundChain) else None)
        except DamagedSegment as error:
            raise JournalCorrupt(relative_name(error.path), 0, 0, str(error)) from None
        reserve = Reserve(folder / RESERVE)
        resources.callback(reserve.close)
        disk_full = _restore(reserve)
        if isinstance(found, FoundChain):
            chain = _continue(folder, found, settings, registration, unknown_outcome)
        else:
            if found is not None:
                _cut(folder, found)
            chain = _begin(folder, registration)
        try:
            os.fdatasync(chain.segment.file)
            sync_folder(folder)
            version = confirm(settings.directory, folder.name, chain.receipt, registration.key)
        except (OSError, JournalCorrupt):
            chain.segment.close()
            raise
        chain.segment.name_durable = True
        signed = registration.signed
        unsigned = chain.sequence - signed.sequence if signed is not None else chain.sequence
        return StartedChain(
            chain=chain,
            reserve=reserve,
            key=registration.key,
            digest_key=registration.digest_key,
            journal=registration.journal,
            manifest=ManifestVersion(settings.directory, version),
            removed=registration.removed,
            unsigned=unsigned if isinstance(found, FoundChain) else 0,
            stopped=unsigned == 0 and signed is not None and signed.checkpoint.stop,
            disk_full=disk_full,
            resources=resources.pop_all(),
        )


def segment_head_body(
    intents: Mapping[str, bytes],
    key: SigningKey,
    removed: Receipt | None,
    *,
    journal: str,
    replaces: str | None = None,
) -> bytes:
    """Return the body of the first record of a segment: the state that a start needs from earlier segments.

    intents: the open intents by request id. removed: the last record that retention removed. journal: the id of the
    journal, whose manifest must exist. replaces: the id of the previous key, if this is another one.
    """
    named = {"id": key.public.id, "public_key": key.public.text}
    body: dict[str, object] = {
        "time": now_ms(),
        "version": 1,
        "manifest": journal,
        "key": named if replaces is None else {**named, "replaces": replaces},
        "open": [{"request": request, "body": orjson.Fragment(intent)} for request, intent in intents.items()],
    }
    if removed is not None:
        body["removed"] = {"sequence": removed.sequence, "hash": removed.hash}
    return orjson.dumps(body)


def _restore(reserve: Reserve) -> OSError | None:
    """Allocate the reserve. On a full disk, use its blocks for the records of the start, and return the error.

    Then the chain can be opened, and retention can make room.
    """
    try:
        reserve.restore()
    except OSError as error:
        if error.errno not in DISK_FULL or not reserve.free_blocks(_START_BYTES):
            raise
        return error
    return None


def lock(path: Path, resources: ExitStack) -> None:
    """Lock a chain until `resources` are closed. BlockingIOError if another process uses it."""
    file = open_file(path, os.O_RDWR | os.O_CREAT)
    resources.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, _IN_USE, str(path.parent)) from None


def _cut(folder: Path, torn: TornLine) -> None:
    """Remove a torn last line; remove a segment without a first record."""
    path = segment_path(folder, torn.segment)
    if torn.offset == 0:
        path.unlink()
    else:
        file = open_file(path, os.O_RDWR)
        try:
            os.ftruncate(file, torn.offset)
        finally:
            os.close(file)


def _begin(folder: Path, registration: Registration) -> Chain:
    chain = Chain(folder, registration.chain, 0, NO_HASH, None)
    chain.begin_segment(segment_head_body({}, registration.key, None, journal=registration.journal))
    try:
        # A chain has a signed head from the beginning.
        _, line = chain.append("checkpoint", checkpoint_body(chain.receipt, now_ms(), registration.key))
        os.fdatasync(chain.segment.file)
        append_copies(folder, [line])
    except OSError:
        chain.segment.close()
        chain.segment.path.unlink()
        raise
    return chain


def _continue(
    folder: Path,
    found: FoundChain,
    settings: AuditSettings,
    registration: Registration,
    unknown_outcome: UnknownOutcome,
) -> Chain:
    decompress(folder, found.segment)  # in case that its successor was lost
    segment = OpenSegment(folder, found.segment, size=found.size)
    chain = Chain(folder, found.chain, found.sequence, found.hash, segment)
    try:
        # The last run may have ended after a failed sync. Then this content is in the page cache only, and a later sync
        # succeeds without writing it. So write it again first.
        segment.write_again(found.durable, segment.size)
        os.fdatasync(segment.file)
        if found.uncopied:
            append_copies(folder, found.uncopied)
        if found.torn is not None:
            _cut(folder, found.torn)
            chain.append("recovery", found.torn.body(now_ms()))
        if (body := _unsigned_body(found, registration.signed)) is not None:
            chain.append("recovery", body)
        for intent in found.open.values():
            chain.append("event", orjson.dumps(unknown_outcome(orjson.loads(intent))))
        key = registration.key
        if (found.key_id, found.journal) != (
            key.public.id,
            registration.journal,
        ) or segment.size >= settings.segment_bytes:
            os.fdatasync(segment.file)
            replaces = found.key_id if found.key_id != key.public.id else None
            head = segment_head_body({}, key, registration.removed, journal=registration.journal, replaces=replaces)
            chain.begin_segment(head)
            segment.close()
    except OSError:
        chain.segment.close()
        raise
    return chain


def _unsigned_body(found: FoundChain, signed: SignedHead | None) -> bytes | None:
    """Return the body of the record that marks what the last run left unsigned; None after a clean stop.

    Without a clean stop, records can be missing even if all that are left are signed. Older versions did not mark a
    clean stop.
    """
    after = signed.sequence if signed is not None else 0
    if after == found.sequence and signed is not None and (signed.checkpoint.stop or signed.checkpoint.note is None):
        return None
    return orjson.dumps({"time": now_ms(), "unsigned": {"after": after, "last": found.sequence}})
