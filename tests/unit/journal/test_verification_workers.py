"""Verification of a directory with several chains: receipts belong to one chain, and each chain exists once."""

import shutil
from pathlib import Path

import pytest

from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import segment_path
from gateway.journal.verify.verification import verify
from tests.support.journals import chain_records, journal_in, record_call, roll_back


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """Two chains with as many records each."""
    audit = tmp_path / "audit"
    async with journal_in(audit) as first, journal_in(audit, worker=1) as second:
        for number in range(5):
            await record_call(first, f"a{number}")
            await record_call(second, f"b{number}")
    return audit


def receipts(directory: Path, sequence: int) -> list[Receipt]:
    """Return the receipts of the records with this number, in both chains."""
    return [chain_records(directory / f"worker-{worker}")[sequence - 1].receipt for worker in (0, 1)]


def test_valid_receipts_of_two_chains_with_one_sequence_number_verify(directory: Path) -> None:
    both = receipts(directory, 6)
    for expected in ([both[0]], [both[1]], both, both[::-1]):
        assert verify(directory, expected=expected).good


@pytest.mark.parametrize("truncated", [0, 1])
def test_truncated_chain_is_found_by_its_own_receipt(directory: Path, truncated: int) -> None:
    """Also if the other chain has a valid record with the same sequence number."""
    both = receipts(directory, 9)
    roll_back(directory / f"worker-{truncated}", keep=2)
    for expected in (both, both[::-1]):
        report = verify(directory, expected=expected)
        assert [chain.problem is not None for chain in report.chains] == [truncated == 0, truncated == 1]
        problem = report.chains[truncated].problem
        assert problem is not None
        assert "rolled back" in problem.what
        assert problem.sequence == 9


def test_receipt_with_the_hash_of_the_other_chain_is_found(directory: Path) -> None:
    first, second = receipts(directory, 6)
    report = verify(directory, expected=[first._replace(hash=second.hash)])
    problem = report.chains[0].problem
    assert problem is not None
    assert problem.what == "the record does not match the receipt"


def test_two_receipts_of_one_record_must_both_match(directory: Path) -> None:
    first, _ = receipts(directory, 6)
    wrong = first._replace(hash="ab" * 32)
    for expected in ([first, wrong], [wrong, first]):
        assert not verify(directory, expected=expected).good


def test_receipt_of_a_chain_that_was_replaced_is_missing(directory: Path) -> None:
    expected = receipts(directory, 6)
    shutil.rmtree(directory / "worker-1")
    assert verify(directory, expected=expected).missing == (expected[1],)


def test_copied_chain_is_found(directory: Path) -> None:
    shutil.rmtree(directory / "worker-1")
    shutil.copytree(directory / "worker-0", directory / "worker-1")
    problem = verify(directory).chains[1].problem
    assert problem is not None
    assert "as does worker-0: one of them is a copy" in problem.what


def test_copied_and_truncated_chain_is_found(directory: Path) -> None:
    """The copy lets one folder pass a receipt that the other does not."""
    (receipt, _) = receipts(directory, 9)
    shutil.rmtree(directory / "worker-1")
    shutil.copytree(directory / "worker-0", directory / "worker-1")
    roll_back(directory / "worker-0", keep=2)
    assert segment_path(directory / "worker-0", 1).exists()
    assert not verify(directory).good
    assert not verify(directory, expected=[receipt]).good
