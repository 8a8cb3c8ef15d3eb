"""Attacks on the set of chains: a chain is removed, copied, replaced, or rolled back, with two workers."""

import contextlib
import dataclasses
import fcntl
import shutil
from pathlib import Path

import pytest

from gateway.config.base import ConfigError
from gateway.journal.errors import JournalCorrupt
from gateway.journal.format import manifest as manifests
from gateway.journal.format.keys import load_signing_key
from gateway.journal.format.manifest import MANIFEST
from gateway.journal.format.signed_notes import SignedNote, sign_checkpoint
from gateway.journal.verify.verification import Unverifiable, verify
from gateway.journal.write.idle_chains import IdleChains
from gateway.journal.write.journal import Journal
from tests.support import attacks
from tests.support.journals import (
    audit_settings,
    chain_records,
    crashed_copy,
    journal_in,
    new_signing_key,
    problems,
    record_call,
    roll_back,
    unknown_outcome,
)
from tests.support.waiting import eventually


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """Two chains of two runs."""
    audit = tmp_path / "audit"
    for run in range(2):
        async with journal_in(audit) as first, journal_in(audit, worker=1) as second:
            for number in range(3):
                await record_call(first, f"a{run}{number}")
                await record_call(second, f"b{run}{number}")
    assert verify(audit).good
    return audit


async def rejected(directory: Path) -> str:
    """Why the next start with one worker, which also opens the idle chains, does not accept the directory."""
    with pytest.raises(JournalCorrupt) as raised:
        await started(directory)
    return str(raised.value)


@pytest.fixture
async def other(directory: Path, tmp_path: Path) -> Path:
    """Another journal with the same signing key. Gateways can share a key."""
    audit = tmp_path / "other"
    audit.mkdir()
    shutil.copy(directory / "signing-key.pem", audit)
    async with journal_in(audit) as journal:
        await record_call(journal, "r1")
    return audit


async def started(directory: Path) -> None:
    settings = audit_settings(directory)
    async with contextlib.AsyncExitStack() as stack:
        journal = await Journal.open(settings, 0, unknown_outcome=unknown_outcome)
        stack.push_async_callback(journal.close)
        idle = IdleChains(settings, unknown_outcome)
        stack.push_async_callback(idle.close)
        await idle.hold({0})


@pytest.mark.parametrize("worker", [0, 1])
async def test_missing_chain(directory: Path, worker: int) -> None:
    shutil.rmtree(directory / f"worker-{worker}")
    assert f"there is no folder worker-{worker}" in problems(directory)
    assert f"worker-{worker} contains no records" in await rejected(directory)


async def test_emptied_chain(directory: Path) -> None:
    for file in (directory / "worker-1").iterdir():
        file.unlink()
    assert "worker-1 contains chain no chain instead of" in problems(directory)
    assert "worker-1 contains no records" in await rejected(directory)


async def test_copied_chain(directory: Path) -> None:
    shutil.copytree(directory / "worker-0", directory / "worker-2")
    assert "one of them is a copy" in problems(directory)
    assert "worker-2 contains a copy of the chain of worker-0" in await rejected(directory)


async def test_chain_replaced_by_a_copy_of_the_other(directory: Path) -> None:
    shutil.rmtree(directory / "worker-1")
    shutil.copytree(directory / "worker-0", directory / "worker-1")
    assert "worker-1 contains chain" in problems(directory)
    assert "worker-1 contains chain" in await rejected(directory)


async def test_swapped_chains(directory: Path) -> None:
    (directory / "worker-0").rename(directory / "aside")
    (directory / "worker-1").rename(directory / "worker-0")
    (directory / "aside").rename(directory / "worker-1")
    assert "worker-0 contains chain" in problems(directory)
    assert "worker-0 contains chain" in await rejected(directory)


async def test_renamed_chain(directory: Path) -> None:
    (directory / "worker-1").rename(directory / "worker-5")
    assert "there is no folder worker-1" in problems(directory)
    assert "worker-1 contains no records" in await rejected(directory)


async def test_hidden_chain(directory: Path) -> None:
    """A folder of another name is no chain folder for the gateway."""
    (directory / "worker-1").rename(directory / "worker-01")
    assert "there is no folder worker-1" in problems(directory)
    assert "worker-1 contains no records" in await rejected(directory)


async def test_chain_of_another_journal_with_the_same_key(directory: Path, other: Path) -> None:
    shutil.copytree(other / "worker-0", directory / "worker-2")
    assert "worker-2 belongs to journal-" in problems(directory)
    assert "worker-2 contains a chain of journal-" in await rejected(directory)


async def test_manifest_of_another_journal_with_the_same_key(directory: Path, other: Path) -> None:
    shutil.copy(other / MANIFEST, directory)
    assert "belongs to journal-" in problems(directory)
    assert "contains a chain of journal-" in await rejected(directory)


async def test_missing_manifest(directory: Path) -> None:
    (directory / MANIFEST).unlink()
    assert "the manifest is missing" in problems(directory)
    assert "the manifest is missing" in await rejected(directory)


async def test_missing_manifest_with_one_chain_left(directory: Path) -> None:
    """The chain that is left still says that there must be a manifest."""
    (directory / MANIFEST).unlink()
    shutil.rmtree(directory / "worker-0")
    assert "the manifest is missing" in problems(directory)
    assert "the manifest is missing, although worker-1 names it" in await rejected(directory)


async def test_all_chains_missing(directory: Path) -> None:
    for worker in (0, 1):
        shutil.rmtree(directory / f"worker-{worker}")
    with pytest.raises(Unverifiable):
        verify(directory)
    assert "contains no records" in await rejected(directory)


async def test_any_changed_line_of_the_manifest(directory: Path) -> None:
    path = directory / MANIFEST
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        changed = line.replace(b"0", b"1") if b"0" in line else line[:-1] + b"x\n"
        path.write_bytes(b"".join([*lines[:number], changed, *lines[number + 1 :]]))
        assert "manifest" in problems(directory), line
        assert "manifest" in await rejected(directory), line
        path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        assert "manifest" in problems(directory), line
        assert "manifest" in await rejected(directory), line


async def test_manifest_signed_by_another_key(directory: Path, tmp_path: Path) -> None:
    manifest = manifests.load(directory)
    assert manifest is not None
    evil = load_signing_key(new_signing_key(tmp_path / "evil.pem"))
    forged = manifest.with_key(evil.public)
    # The key that it replaced is still listed, but no longer the one that signs.
    assert [key.id for key in forged.keys] == [evil.public.id, manifest.key.id]
    manifests.store(directory, forged, evil, 0)
    assert f"signed with key {evil.public.id}, which is not trusted" in problems(directory)
    with pytest.raises(ConfigError, match=evil.public.id):
        await Journal.open(audit_settings(directory), 0, unknown_outcome=unknown_outcome)


async def test_rolled_back_chain(directory: Path) -> None:
    """To a clean stop, with its copies: only the manifest knows that there was more."""
    roll_back(directory / "worker-1", keep=9)
    assert chain_records(directory / "worker-1")[-1].kind == "checkpoint"
    assert "the chain ends before the record of this manifest: it was rolled back" in problems(directory)
    assert "worker-1 does not contain record" in await rejected(directory)


async def test_rolled_back_and_filled_up_chain(directory: Path) -> None:
    """With as many forged records as there were: the start does not sign them."""
    last = chain_records(directory / "worker-1")[-1].sequence
    roll_back(directory / "worker-1", keep=9)
    for _ in range(last - 9):
        attacks.append(directory / "worker-1", "event", b'{"time":1}')
    assert "the record does not match the manifest" in problems(directory)
    assert "as the manifest lists it" in await rejected(directory)


async def test_older_manifest_does_not_hide_a_removed_chain(tmp_path: Path) -> None:
    """The chain that is left names the newer manifest, which another worker wrote."""
    audit = tmp_path / "audit"
    async with journal_in(audit) as journal:
        older = (audit / MANIFEST).read_bytes()
        async with journal_in(audit, worker=1) as other:
            await record_call(other, "b1")
        await record_call(journal, "a1")
    shutil.rmtree(audit / "worker-1")
    (audit / MANIFEST).write_bytes(older)
    assert "the manifest was rolled back" in problems(audit)
    assert "the manifest was rolled back" in await rejected(audit)


async def test_manifest_of_another_key_does_not_raise_the_version(directory: Path, tmp_path: Path) -> None:
    """Otherwise, an attacker could make the true manifest look older."""
    manifest = manifests.load(directory)
    assert manifest is not None
    evil = load_signing_key(new_signing_key(tmp_path / "evil.pem"))
    async with journal_in(directory) as journal:
        true = (directory / MANIFEST).read_bytes()
        forged = dataclasses.replace(manifest.with_key(evil.public), version=10**9)
        manifests.store(directory, forged, evil, 0)
        await record_call(journal, "r1")

        async def signed() -> bool:
            return chain_records(journal.folder)[-1].kind == "checkpoint"

        await eventually(signed)
        (directory / MANIFEST).write_bytes(true)
    assert verify(directory).good


async def test_held_lock_ends_the_start_and_not_the_stop(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "_LOCK_SECONDS", 0.05)
    journal = await Journal.open(audit_settings(directory), 0, unknown_outcome=unknown_outcome)
    await record_call(journal, "r1")
    with (directory / "manifest.lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another process holds the lock"):
            await Journal.open(audit_settings(directory), 1, unknown_outcome=unknown_outcome)
        await journal.close()
    assert verify(directory).good


def test_lines_of_later_versions_are_ignored(directory: Path) -> None:
    path, key = directory / MANIFEST, load_signing_key(directory / "signing-key.pem")
    note = SignedNote.parse(path.read_text())
    path.write_text(sign_checkpoint(note.origin, [*note.extensions, "later something"], key))
    assert verify(directory).good


async def test_rolled_back_directory_is_found_with_a_receipt_only(tmp_path: Path) -> None:
    """The documented limit: an older copy of the whole directory is a valid journal."""
    audit = tmp_path / "audit"
    async with journal_in(audit) as journal:
        await record_call(journal, "r1")
    older = attacks.copied(audit, "older")
    async with journal_in(audit) as journal:
        await record_call(journal, "r2")
    receipt = chain_records(audit / "worker-0")[-1].receipt
    assert verify(older).good
    assert not verify(older, expected=[receipt]).good


async def test_crash_while_a_chain_is_created(directory: Path) -> None:
    """The manifest lists a chain before the chain exists. That is no missing chain."""
    async with journal_in(directory), journal_in(directory, worker=1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.journal.write.starting._begin", _crash)
            with pytest.raises(KeyboardInterrupt):
                await Journal.open(audit_settings(directory), 2, unknown_outcome=unknown_outcome)
        left = crashed_copy(directory)
    assert verify(left).manifest is not None
    shutil.rmtree(left / "worker-2")
    assert verify(left).good
    async with journal_in(left, worker=2) as journal:
        await record_call(journal, "r1")
    assert verify(left).good


def _crash(*_: object) -> None:
    raise KeyboardInterrupt
