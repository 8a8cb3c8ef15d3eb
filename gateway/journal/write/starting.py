"""The start of a journal chain: locking, loading of the keys, and recovery from the end of the last run.

May read a large segment, so it can run on any thread. After that, only the event loop uses the chain.
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

from gateway.config.base import ConfigError, content
from gateway.config.problems import FileError
from gateway.journal.errors import PASSING
from gateway.journal.format import keys
from gateway.journal.format.checkpoints import append_copies, checkpoint_body
from gateway.journal.format.durable_files import FILE_MODE, make_folder, sync_folder
from gateway.journal.format.keys import SigningKey
from gateway.journal.format.records import NO_HASH, Receipt
from gateway.journal.format.segments import LOCK, RESERVE, segment_path
from gateway.journal.settings import AuditSettings
from gateway.journal.write.chain import Chain, OpenSegment, new_chain_id
from gateway.journal.write.recovery import FoundChain, TornLine, examine
from gateway.journal.write.reserve import Reserve

_IN_USE: Final = "another process uses this journal; is another gateway running with the same audit.directory?"
UnknownOutcome = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes an outcome event with an unknown result from an intent event."""


@dataclass(slots=True)
class StartedChain:
    """A chain that is ready for records, and durable. resources: its open files.

    removed: the last record that retention removed. unsigned: the number of records after the last checkpoint.
    """

    chain: Chain
    reserve: Reserve
    key: SigningKey
    digest_key: bytes
    removed: Receipt | None
    unsigned: int
    resources: ExitStack


def now_ms() -> int:
    """Return the current time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def signing_key(settings: AuditSettings) -> SigningKey:
    """Return the configured signing key, or the one in the journal directory. Raises ConfigError or OSError."""
    return keys.signing_key(settings.directory, settings.signing_key_file)


def check_signing_key(settings: AuditSettings) -> None:
    """Raise FileError if the configured signing key cannot be used. Changes nothing.

    A failing disk is no problem of the configuration: the journal then opens unavailable.
    """
    if settings.signing_key_file is None:
        return
    try:
        keys.load_signing_key(settings.signing_key_file)
    except ConfigError as error:
        fault = str(error)
    except OSError as error:
        if error.errno in PASSING:
            return
        fault = f"the file {settings.signing_key_file} cannot be read: {error.strerror}"
    else:
        return
    raise FileError(f"audit.signing_key_file: {fault}", {("signing_key_file",): [fault]})


def start(settings: AuditSettings, folder: Path, unknown_outcome: UnknownOutcome) -> StartedChain:
    """Continue the chain in `folder`, or begin one.

    Raises OSError if the disk fails, JournalCorrupt if the chain does not verify, ConfigError for an invalid key.
    """
    make_folder(settings.directory)
    make_folder(folder)
    with ExitStack() as resources:
        _lock(folder / LOCK, resources)
        key = signing_key(settings)
        digest_key = keys.digest_key(settings.directory, content(settings.digest_key))
        found = examine(folder)
        reserve = Reserve(folder / RESERVE)
        resources.callback(reserve.close)
        reserve.restore()
        if isinstance(found, FoundChain):
            started = _continue(folder, found, settings, key, unknown_outcome)
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
        chain.segment.name_durable = True
        return StartedChain(chain, reserve, key, digest_key, removed, unsigned, resources.pop_all())


def segment_head_body(intents: Mapping[str, bytes], key: SigningKey, removed: Receipt | None) -> bytes:
    """Return the body of the first record of a segment: the state that a start needs from earlier segments.

    intents: the open intents by request id. removed: the last record that retention removed.
    """
    body: dict[str, object] = {
        "time": now_ms(),
        "version": 1,
        "key": {"id": key.public.id, "public_key": key.public.text},
        "open": [{"request": request, "body": orjson.Fragment(intent)} for request, intent in intents.items()],
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
    """Remove a torn last line; remove a segment without a first record."""
    path = segment_path(folder, torn.segment)
    if torn.offset == 0:
        path.unlink()
    else:
        os.truncate(path, torn.offset)


def _begin(folder: Path, key: SigningKey) -> tuple[Chain, Receipt | None, int]:
    chain = Chain(folder, new_chain_id(), 0, NO_HASH, None)
    chain.begin_segment(segment_head_body({}, key, None))
    try:
        # A chain has a signed head from the beginning.
        _, line = chain.append("checkpoint", checkpoint_body(chain.receipt, now_ms(), key))
        os.fdatasync(chain.segment.file)
        append_copies(folder, [line])
    except OSError:
        chain.segment.close()
        chain.segment.path.unlink()
        raise
    return chain, None, 0


def _continue(
    folder: Path, found: FoundChain, settings: AuditSettings, key: SigningKey, unknown_outcome: UnknownOutcome
) -> tuple[Chain, Receipt | None, int]:
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
        for intent in found.open.values():
            chain.append("event", orjson.dumps(unknown_outcome(orjson.loads(intent))))
        if found.key_id != key.public.id or segment.size >= settings.segment_bytes:
            os.fdatasync(segment.file)
            chain.begin_segment(segment_head_body({}, key, found.removed))
            segment.close()
    except OSError:
        chain.segment.close()
        raise
    return chain, found.removed, found.unsigned + chain.sequence - found.sequence
