"""Attacks on the shipping cursor: retention and the shipper trust only what the signing key signed."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.journal.format.cursor import CursorError, load_signed, store
from gateway.journal.format.keys import load_signing_key, signing_key_path
from gateway.journal.format.segments import CURSOR, segment_path, segment_starts
from gateway.journal.ship.cursor_store import CursorStore
from gateway.journal.ship.lag import shipping_lag
from gateway.journal.verify.verification import verify
from gateway.journal.write import maintenance
from gateway.journal.write.journal import Journal
from tests.support import attacks
from tests.support.chains import cursor_at_end
from tests.support.journals import (
    chain_records,
    journal_in,
    new_signing_key,
    open_and_close,
    record_call,
    roll_back,
    stored_cursor,
)
from tests.support.scripted_collector import ScriptedCollector
from tests.support.shipping import shipping
from tests.support.waiting import eventually

SHIP: dict[str, Any] = {"ship": {"endpoint": "http://127.0.0.1:1"}, "retention": 0, "segment_bytes": 4096}


async def fill(journal: Journal) -> None:
    for number in range(20):
        await record_call(journal, f"r{number}")


def other_key(directory: Path) -> dict[str, Any]:
    """A valid cursor of an attacker with a key of their own, who also publishes it in the directory."""
    folder = directory / "worker-0"
    key = load_signing_key(new_signing_key(directory.with_name("evil.pem")))
    store(folder, cursor_at_end(folder), key)
    (directory / "public-key.pem").write_bytes(key.public.pem)
    return {}


FORGERIES = {
    "unsigned": lambda directory: attacks.forge_cursor(directory / "worker-0"),
    "signature of no key": lambda directory: attacks.forge_cursor(
        directory / "worker-0", signature=attacks.signature()
    ),
    "signature of another key": other_key,
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_forged_cursor_removes_no_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Any) -> None:
    monkeypatch.setattr(maintenance, "INTERVAL_SECONDS", 0.01)
    with capture_logs() as logs:
        async with journal_in(tmp_path / "audit", **SHIP) as journal:
            await fill(journal)
            starts = segment_starts(journal.folder)
            forge(tmp_path / "audit")

            async def refused() -> bool:
                return any(entry["event"] == "audit_retention_failed" for entry in logs)

            await eventually(refused)
            assert segment_starts(journal.folder) == starts
            # The lag does not believe it either.
            lag = shipping_lag(tmp_path / "audit", None, journal.public_key)
            assert next(iter(lag.values())).records == journal.stats.sequence


async def test_valid_cursor_of_another_chain_removes_no_segment(tmp_path: Path) -> None:
    audit = tmp_path / "audit"
    async with journal_in(audit, **SHIP) as journal, journal_in(audit, worker=1, **SHIP) as other:
        await fill(journal)
        await fill(other)
        store(other.folder, cursor_at_end(other.folder), load_signing_key(signing_key_path(audit, None)))
        shutil.copy(other.folder / CURSOR, journal.folder)
        assert journal.public_key is not None
        cursor = load_signed(journal.folder, journal.public_key)
        assert cursor is not None
        assert await journal.remove_shipped(cursor) == 0


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_records_behind_a_forged_cursor_are_shipped(tmp_path: Path, forge: Any) -> None:
    audit = tmp_path / "audit"
    async with journal_in(audit, segment_bytes=4096) as journal:
        await fill(journal)
    forge(audit)
    last = chain_records(audit / "worker-0")[-1].sequence
    with capture_logs() as logs:
        async with ScriptedCollector() as collector, shipping(audit, collector.endpoint, rewind=0.1):
            await eventually(lambda: collector.has(*range(1, last + 1)))
    assert [entry["event"] for entry in logs].count("audit_cursor_not_trusted") == 1


async def test_older_valid_cursor_only_ships_records_again(tmp_path: Path) -> None:
    audit = tmp_path / "audit"
    async with journal_in(audit) as journal:
        await record_call(journal, "r1")
        older = cursor_at_end(journal.folder)
        await fill(journal)
    store(audit / "worker-0", older, load_signing_key(signing_key_path(audit, None)))
    last = chain_records(audit / "worker-0")[-1].sequence
    async with ScriptedCollector() as collector, shipping(audit, collector.endpoint, rewind=0.1):
        await eventually(lambda: collector.has(*range(older.sequence + 1, last + 1)))


async def test_cursor_of_an_older_version_is_not_continued(tmp_path: Path) -> None:
    """The first start after the upgrade ships again from the oldest segment."""
    audit = Path(shutil.copytree(Path(__file__).parent / "data" / "journal-v1", tmp_path / "audit"))
    assert stored_cursor(audit / "worker-0") is not None
    last = chain_records(audit / "worker-0")[-1].sequence
    async with ScriptedCollector() as collector, shipping(audit, collector.endpoint, rewind=0.1):
        await eventually(lambda: collector.has(*range(1, last + 1)))

        async def signed() -> bool:
            cursor = stored_cursor(audit / "worker-0")
            return cursor is not None and cursor.sequence == last

        await eventually(signed)


async def test_shipped_record_that_is_missing_shows_a_rollback(tmp_path: Path) -> None:
    """Even if the manifest and the copies were rolled back, but not the cursor."""
    audit = tmp_path / "audit"
    async with journal_in(audit, checkpoint_records=4) as journal:
        manifest = (audit / "manifest").read_bytes()
        await fill(journal)
    store(audit / "worker-0", cursor_at_end(audit / "worker-0"), load_signing_key(signing_key_path(audit, None)))
    assert verify(audit).good
    checkpoint = next(record for record in chain_records(audit / "worker-0")[10:] if record.kind == "checkpoint")
    roll_back(audit / "worker-0", keep=checkpoint.sequence)
    (audit / "manifest").write_bytes(manifest)
    problem = verify(audit).chains[0].problem
    assert problem is not None
    assert problem.what == "the chain ends before the record of this shipping cursor: it was rolled back"


class CursorOf:
    """The cursor store of a chain, and what it reports."""

    def __init__(self, folder: Path, key: Path) -> None:
        self.untrusted: list[str] = []
        self.store = CursorStore(folder, key, failed=_fail, untrusted=self.untrusted.append)


def _fail(error: OSError) -> None:
    raise error


async def test_shipper_waits_until_the_gateway_adopts_a_changed_key(tmp_path: Path) -> None:
    audit, key = tmp_path / "audit", new_signing_key(tmp_path / "key.pem")
    async with journal_in(audit, signing_key_file=key) as journal:
        await record_call(journal, "r1")
    folder = audit / "worker-0"
    store(folder, cursor_at_end(folder), load_signing_key(key))
    new_signing_key(key)
    cursor = CursorOf(folder, key)
    with pytest.raises(CursorError, match="has not adopted the changed signing key yet"):
        await cursor.store.load()
    await open_and_close(audit, signing_key_file=key, signing_key_ids=[attacks.key_id(key)])
    assert await cursor.store.load() == stored_cursor(folder)
    assert cursor.untrusted == []


async def test_without_the_key_a_cursor_is_valid_for_the_process_that_wrote_it(tmp_path: Path) -> None:
    """A journal can be shipped whose gateway and signing key are gone."""
    async with journal_in(tmp_path) as journal:
        await record_call(journal, "r1")
    folder = tmp_path / "worker-0"
    first, second = (CursorOf(folder, tmp_path / "no-key.pem") for _ in range(2))
    await first.store.save(cursor_at_end(folder))
    assert await first.store.load() == cursor_at_end(folder)
    assert await second.store.load() is None
    assert len(second.untrusted) == 1
    assert segment_path(folder, 1).exists()
