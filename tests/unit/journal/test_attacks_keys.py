"""Attacks with keys: a signing key that was swapped or deleted, and changes that the configuration permits."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.config.base import ConfigError
from gateway.journal.errors import JournalCorrupt
from gateway.journal.format import manifest as manifests
from gateway.journal.format.cursor import CursorNotSigned, load_signed, store
from gateway.journal.format.keys import load_signing_key
from gateway.journal.format.manifest import MANIFEST
from gateway.journal.verify.verification import verify
from gateway.journal.write.idle_chains import IdleChains
from gateway.journal.write.journal import Journal
from tests.support import attacks
from tests.support.chains import cursor_at_end
from tests.support.journals import (
    audit_settings,
    bodies,
    chain_records,
    journal_in,
    new_signing_key,
    open_and_close,
    record_call,
    records,
    unknown_outcome,
    verified,
)

KEY = "signing-key.pem"


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    audit = tmp_path / "audit"
    async with journal_in(audit) as journal:
        await record_call(journal, "r1")
    return audit


async def rejected(directory: Path, worker: int = 0, **settings: object) -> str:
    with pytest.raises((ConfigError, JournalCorrupt)) as raised:
        await Journal.open(audit_settings(directory, **settings), worker, unknown_outcome=unknown_outcome)
    return str(raised.value)


@pytest.mark.parametrize("worker", [0, 1])
async def test_swapped_key_is_not_adopted(directory: Path, worker: int) -> None:
    old = attacks.key_id(directory / KEY)
    public = (directory / "public-key.pem").read_bytes()
    new_signing_key(directory / KEY)
    new = attacks.key_id(directory / KEY)
    message = await rejected(directory, worker)
    assert f"the journal is signed with key {old}, and the file contains key {new}" in message
    assert f"audit.signing_key_ids: [{new}]" in message
    assert (directory / "public-key.pem").read_bytes() == public
    assert verify(directory).good


async def test_deleted_key_is_not_generated_again(directory: Path) -> None:
    (directory / KEY).unlink()
    assert "the signing key of the journal is missing" in await rejected(directory)
    assert not (directory / KEY).exists()
    (directory / "worker-0").rename(directory / "hidden")
    assert "is missing" in await rejected(directory)


async def test_key_that_is_not_permitted_does_not_begin_a_journal(tmp_path: Path) -> None:
    key = new_signing_key(tmp_path / "key.pem")
    message = await rejected(tmp_path / "audit", signing_key_file=key, signing_key_ids=["0" * 16])
    assert "audit.signing_key_ids does not contain the id of this key" in message


@pytest.mark.parametrize("value", ["", "0" * 15, "0" * 17, "A" * 16, "g" * 16])
def test_malformed_key_id_is_rejected(tmp_path: Path, value: str) -> None:
    with pytest.raises(ValueError, match="signing_key_ids"):
        audit_settings(tmp_path, signing_key_ids=[value])


async def test_permitted_key_is_adopted_with_a_log_event_and_a_record(directory: Path) -> None:
    old, before = attacks.key_id(directory / KEY), directory.with_name("old.pem")
    shutil.copy(directory / "public-key.pem", before)
    private = shutil.copy(directory / KEY, directory.with_name("old-private.pem"))
    new_signing_key(directory / KEY)
    new = attacks.key_id(directory / KEY)
    with capture_logs() as logs:
        async with journal_in(directory, signing_key_ids=[new]) as journal:
            await record_call(journal, "r2")
    assert {"event": "audit_signing_key_adopted", "log_level": "warning", "previous": old, "key": new} in logs
    head = bodies(directory, "segment")[-1]
    assert (head["key"]["id"], head["key"]["replaces"]) == (new, old)
    change = {"sequence": records(directory, "segment")[-1].sequence, "from": old, "to": new}
    assert verified(directory).key_changes == [change]
    # With the old key alone, it is not clear whether the change was permitted. The report says where it is.
    report = verify(directory, public_keys=[before])
    assert f"record {change['sequence']} changes the key from {old} to {new}" in str(report.chains[0].problem)
    assert verify(directory, public_keys=[before, directory / "public-key.pem"]).good
    assert verify(directory, public_keys=[directory / "public-key.pem"]).good
    # From now on, no setting is necessary, and the old key may not sign any more.
    await open_and_close(directory)
    assert f"signed with key {new}" in await rejected(directory, signing_key_file=private)


async def test_idle_chain_is_continued_with_the_adopted_key(directory: Path) -> None:
    async with journal_in(directory, worker=1) as other:
        await record_call(other, "o1")
    new_signing_key(directory / KEY)
    settings: dict[str, Any] = {"signing_key_ids": [attacks.key_id(directory / KEY)]}
    async with journal_in(directory, **settings):
        chains = IdleChains(audit_settings(directory, **settings), unknown_outcome)
        await chains.hold({0})
        await chains.close()
    assert verify(directory).good


async def test_key_that_changes_while_the_journal_runs_must_be_permitted(tmp_path: Path) -> None:
    key, directory = new_signing_key(tmp_path / "key.pem"), tmp_path / "audit"
    old = attacks.key_id(key)
    with capture_logs() as logs:
        async with journal_in(directory, signing_key_file=key, segment_bytes=4096) as journal:
            await record_call(journal, "r1")
            new_signing_key(key)
            for number in range(20):
                await record_call(journal, f"s{number}")
    assert {body["key"]["id"] for body in bodies(directory, "segment")} == {old}
    assert any(entry["event"] == "audit_signing_key_not_adopted" for entry in logs)
    assert verify(directory).good


async def test_permitted_key_is_adopted_while_the_journal_runs(tmp_path: Path) -> None:
    key, other = new_signing_key(tmp_path / "key.pem"), new_signing_key(tmp_path / "other.pem")
    directory, old, new = tmp_path / "audit", attacks.key_id(key), attacks.key_id(other)
    async with journal_in(directory, signing_key_file=key, signing_key_ids=[old, new], segment_bytes=4096) as journal:
        await record_call(journal, "r1")
        store(journal.folder, cursor_at_end(journal.folder), load_signing_key(key))
        public = tmp_path / "old-public.pem"
        shutil.copy(directory / "public-key.pem", public)
        shutil.copy(other, key)
        for number in range(20):
            await record_call(journal, f"s{number}")
        assert journal.public_key is not None
        assert journal.public_key.id == new
        # The cursor is still valid.
        assert load_signed(journal.folder, journal.public_key) is not None
    assert verified(directory).key_changes[0]["to"] == new
    # The old key signed the record that names the new one.
    assert verify(directory, public_keys=[public]).good
    manifest = manifests.load(directory)
    assert manifest is not None
    assert [each.id for each in manifest.keys] == [new, old]


async def test_only_valid_cursors_are_signed_with_the_adopted_key(directory: Path) -> None:
    async with journal_in(directory, worker=1) as other:
        await record_call(other, "o1")
    valid, forged = directory / "worker-0", directory / "worker-1"
    store(valid, cursor_at_end(valid), load_signing_key(directory / KEY))
    attacks.forge_cursor(forged, signature=attacks.signature())
    new_signing_key(directory / KEY)
    key = load_signing_key(directory / KEY)
    await open_and_close(directory, signing_key_ids=[key.public.id])
    assert load_signed(valid, key.public) is not None
    with pytest.raises(CursorNotSigned):
        load_signed(forged, key.public)


async def test_worker_with_the_previous_key_does_not_change_the_manifest(directory: Path) -> None:
    """During a reload, workers with the old settings end after workers with the new settings have begun."""
    async with journal_in(directory, worker=1) as other:
        await record_call(other, "o1")
        new_signing_key(directory / KEY)
        new = attacks.key_id(directory / KEY)
        async with journal_in(directory, signing_key_ids=[new]) as journal:
            await record_call(journal, "r2")
        before = (directory / MANIFEST).read_bytes()
    assert (directory / MANIFEST).read_bytes() == before
    await open_and_close(directory, worker=1)
    assert verify(directory).good
    assert chain_records(directory / "worker-1")[-1].kind == "checkpoint"


@pytest.mark.parametrize("content", [b"k" * 32, None], ids=["replaced", "deleted"])
async def test_generated_digest_key_is_not_replaced(directory: Path, content: bytes | None) -> None:
    """With a key of their own, an attacker could test guesses against the digests in later records."""
    (directory / "digest-key").unlink()
    if content is not None:
        (directory / "digest-key").write_bytes(content)
    assert "digest-key: " in await rejected(directory)
    assert (directory / "digest-key").exists() == (content is not None)
    async with journal_in(directory, digest_key="a configured digest key") as journal:
        assert journal.digest_key == b"a configured digest key"
