"""Idle chains: recovered after a crash, and locked until they are released."""

from pathlib import Path

import pytest

from gateway.journal.write.idle_chains import IdleChains
from gateway.journal.write.journal import Journal
from tests.support.journals import audit_settings, crashed_copy, events, intent, journal_in, unknown_outcome


async def crashed(directory: Path) -> Path:
    """Return a directory with the chain of worker 0, in which a call has no outcome."""
    async with journal_in(directory) as journal:
        receipt = journal.append(intent("r1"))
        await journal.commit(receipt)
        return crashed_copy(directory)


async def test_interrupted_call_gets_its_outcome(tmp_path: Path) -> None:
    directory = await crashed(tmp_path / "audit")
    chains = IdleChains(audit_settings(directory), unknown_outcome)
    await chains.hold({1})
    await chains.close()

    assert events(directory) == [("r1", "intent"), ("r1", "outcome")]


async def test_chain_is_locked_until_it_is_released(tmp_path: Path) -> None:
    settings = audit_settings(await crashed(tmp_path / "audit"))
    chains = IdleChains(settings, unknown_outcome)
    await chains.hold(())
    with pytest.raises(BlockingIOError):
        await Journal.open(settings, 0, unknown_outcome=unknown_outcome)
    await chains.release(0)
    await (await Journal.open(settings, 0, unknown_outcome=unknown_outcome)).close()
    await chains.close()


async def test_chain_of_a_running_worker_is_not_opened(tmp_path: Path) -> None:
    settings = audit_settings(tmp_path / "audit")
    async with journal_in(settings.directory):
        chains = IdleChains(settings, unknown_outcome)
        await chains.hold({0})
        await chains.close()


async def test_missing_directory_has_no_idle_chains(tmp_path: Path) -> None:
    await IdleChains(audit_settings(tmp_path / "audit"), unknown_outcome).hold(())
