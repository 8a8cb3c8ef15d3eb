"""A journal directory of version 1 of the writer: it verifies, continues, and is shipped from its cursor."""

import shutil
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from gateway.config.base import ConfigError
from gateway.journal.errors import JournalCorrupt
from gateway.journal.format.checkpoints import checkpoint_body
from gateway.journal.format.cursor import CursorNotSigned, load_signed
from gateway.journal.format.keys import load_signing_key
from gateway.journal.format.manifest import MANIFEST
from gateway.journal.format.records import NO_HASH, Receipt, decode_body, encode
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.ship.reader import ChainReader
from gateway.journal.verify.verification import verify
from gateway.journal.write.journal import Journal
from tests.support.attacks import key_id
from tests.support.journals import (
    audit_settings,
    bodies,
    chain_records,
    events,
    journal_in,
    new_signing_key,
    open_and_close,
    record_call,
    records,
    stored_cursor,
    unknown_outcome,
    verified,
)

DATA = Path(__file__).parent / "data" / "journal-v1"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "audit"))


def test_older_journal_verifies(directory: Path) -> None:
    report = verified(directory)
    assert (report.segments, report.intents, report.outcomes, report.other_events) == (3, 13, 12, 1)
    assert report.open == ("open",)
    assert report.unsigned == 0
    assert verify(directory).keys == ("5c14475ef8497575",)


async def test_older_journal_is_continued_in_the_same_chain(directory: Path) -> None:
    head = Receipt(*records(directory)[-1].receipt)
    async with journal_in(directory) as journal:
        assert journal.digest_key == (DATA / "digest-key").read_bytes()
        await record_call(journal, "new")
    assert segment_starts(directory / "worker-0") == [1, 15, 27, head.sequence + 2]
    assert events(directory)[-3:] == [("open", "outcome"), ("new", "intent"), ("new", "outcome")]
    assert verified(directory).open == ()
    assert verify(directory, expected=[head]).good


def test_older_cursor_is_readable_and_not_trusted(directory: Path) -> None:
    with pytest.raises(CursorNotSigned):
        load_signed(directory / "worker-0", load_signing_key(directory / "signing-key.pem").public)
    batch = ChainReader(directory / "worker-0").batch(
        stored_cursor(directory / "worker-0"), records=1000, bytes_=1 << 20
    )
    assert [end.sequence for end in batch.ends] == list(range(5, len(records(directory)) + 1))


async def test_manifest_begins_with_the_first_start_after_the_upgrade(directory: Path) -> None:
    assert verify(directory).manifest is None
    with capture_logs() as logs:
        async with journal_in(directory) as journal:
            await record_call(journal, "new")
    assert [entry["event"] for entry in logs] == ["audit_manifest_begins"]
    manifest = verify(directory).manifest
    assert manifest is not None
    assert manifest.problems == ()
    assert bodies(directory, "segment")[-1]["manifest"] == manifest.journal
    # From now on, a missing manifest is a failure.
    (directory / MANIFEST).unlink()
    assert not verify(directory).good
    with pytest.raises(JournalCorrupt, match="the manifest is missing"):
        await Journal.open(audit_settings(directory), 0, unknown_outcome=unknown_outcome)


async def test_only_the_key_of_the_last_checkpoint_is_accepted_after_the_upgrade(directory: Path) -> None:
    """In particular, for a worker without records too."""
    old = key_id(directory / "signing-key.pem")
    new_signing_key(directory / "signing-key.pem")
    for worker in (0, 1):
        with pytest.raises(ConfigError, match=f"the journal is signed with key {old}"):
            await Journal.open(audit_settings(directory), worker, unknown_outcome=unknown_outcome)
    new = key_id(directory / "signing-key.pem")
    await open_and_close(directory, signing_key_ids=[new])
    assert verified(directory).key_changes[-1]["to"] == new


async def test_chain_that_an_older_version_began_after_the_upgrade_is_listed(directory: Path) -> None:
    """After a rollback, the older version can have begun the chain of another worker."""
    await open_and_close(directory)
    other = older_chain(directory)
    assert not verify(directory).good
    async with journal_in(directory, worker=1) as journal:
        await record_call(journal, "new")
    assert verify(directory).good
    assert chain_records(directory / "worker-1")[0].chain == other


def older_chain(directory: Path) -> str:
    """Add a chain of worker 1 without a manifest, signed with the same key; return its id."""
    key = load_signing_key(directory / "signing-key.pem")
    (directory / "worker-1").mkdir()
    named = {"id": key.public.id, "public_key": key.public.text}
    head = orjson.dumps({"time": 1, "version": 1, "key": named, "open": []})
    first, digest = encode("gw-older", 1, NO_HASH, "segment", head)
    signed = decode_body(checkpoint_body(Receipt("gw-older", 1, digest), 1, key))
    del signed["note"]
    second, _ = encode("gw-older", 2, digest, "checkpoint", orjson.dumps(signed))
    segment_path(directory / "worker-1", 1).write_bytes(first + second)
    return "gw-older"
