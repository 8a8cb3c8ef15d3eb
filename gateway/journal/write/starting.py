"""The start of a journal: lock, keys, what the last run left, mended. What cannot be mended is raised.

Runs on any thread, since it may read a large segment; afterwards the chain is the event loop's.
"""

import fcntl
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.journal.format import keys
from gateway.journal.format.checkpoints import append_copies, checkpoint_body
from gateway.journal.format.durable_files import FILE_MODE, make_folder, sync_folder
from gateway.journal.format.keys import SigningKey
from gateway.journal.format.records import NO_HASH, Receipt
from gateway.journal.format.segments import LOCK, RESERVE, segment_path
from gateway.journal.settings import AuditSettings
from gateway.journal.write.chain import Chain, OpenSegment, new_chain_id
from gateway.journal.write.recovery import Found, TornLine, examine
from gateway.journal.write.reserve import Reserve

_IN_USE: Final = "the journal is in use by another process: another gateway seems to be running on it"
UnknownOutcome = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes, of the event of an intent, that of an outcome which nobody knows."""


@dataclass(slots=True)
class Started:
    """A chain that is ready for records, all of it durable. resources: its open files. unsigned: since a checkpoint."""

    chain: Chain
    reserve: Reserve
    key: SigningKey
    digest_key: bytes
    removed: Receipt | None
    unsigned: int
    resources: ExitStack


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def start(settings: AuditSettings, folder: Path, unknown_outcome: UnknownOutcome) -> Started:
    """Take the chain in `folder`, or begin one. OSError where the disk does not allow it; JournalCorrupt."""
    make_folder(settings.directory)
    make_folder(folder)
    with ExitStack() as resources:
        _lock(folder / LOCK, resources)
        key, digest_key = keys.signing_key(settings), keys.digest_key(settings)
        found = examine(folder)
        reserve = Reserve(folder / RESERVE)
        resources.callback(reserve.close)
        reserve.restore()
        if isinstance(found, Found):
            started = _go_on(folder, found, settings, key, unknown_outcome)
        else:
            if found is not None:
                _cut(folder, found)
            started = _begin(folder, key)
        chain, removed, unsigned = started
        try:
            os.fdatasync(chain.segment.file)
            sync_folder(folder)
        except OSError:
            chain.segment.close()
            raise
        chain.segment.named = True
        return Started(chain, reserve, key, digest_key, removed, unsigned, resources.pop_all())


def head_body(open_: Mapping[str, bytes], key: SigningKey, removed: Receipt | None) -> bytes:
    """Of the record that heads a segment: what a start must know that reads no other segment."""
    body: dict[str, object] = {
        "time": now_ms(),
        "version": 1,
        "key": {"id": key.public.id, "public_key": key.public.text},
        "open": [{"request": request, "body": orjson.Fragment(intent)} for request, intent in open_.items()],
    }
    if removed is not None:
        body["removed"] = {"sequence": removed.sequence, "hash": removed.hash}
    return orjson.dumps(body)


def _lock(path: Path, resources: ExitStack) -> None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    resources.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, _IN_USE, str(path.parent)) from None


def _cut(folder: Path, torn: TornLine) -> None:
    """Take away what a crash left of a last line, or of a segment that did not get its first record."""
    path = segment_path(folder, torn.segment)
    if torn.offset == 0:
        path.unlink()
    else:
        os.truncate(path, torn.offset)


def _begin(folder: Path, key: SigningKey) -> tuple[Chain, Receipt | None, int]:
    chain = Chain(folder, new_chain_id(), 0, NO_HASH, None)
    chain.begin_segment(head_body({}, key, None))
    try:
        # From its first moment on a chain has a signed head.
        _, line = chain.append("checkpoint", checkpoint_body(chain.receipt, now_ms(), key))
        os.fdatasync(chain.segment.file)
        append_copies(folder, [line])
    except OSError:
        chain.segment.close()
        chain.segment.path.unlink()
        raise
    return chain, None, 0


def _go_on(
    folder: Path, found: Found, settings: AuditSettings, key: SigningKey, unknown_outcome: UnknownOutcome
) -> tuple[Chain, Receipt | None, int]:
    segment = OpenSegment(folder, found.segment, size=found.size)
    chain = Chain(folder, found.chain, found.sequence, found.hash, segment)
    try:
        # What was read may be in the cache alone: a sync of the last run failed, and no later one would tell.
        segment.write_again(found.durable, segment.size)
        os.fdatasync(segment.file)
        if found.uncopied:
            append_copies(folder, found.uncopied)
        if found.torn is not None:
            _cut(folder, found.torn)
            chain.append("recovery", found.torn.body(now_ms()))
        for intent in found.open.values():
            chain.append("event", orjson.dumps(unknown_outcome(orjson.loads(intent))))
        if found.key_id != key.public.id or segment.size >= settings.segment_bytes:
            os.fdatasync(segment.file)
            chain.begin_segment(head_body({}, key, found.removed))
            segment.close()
    except OSError:
        chain.segment.close()
        raise
    return chain, found.removed, found.unsigned + chain.sequence - found.sequence
