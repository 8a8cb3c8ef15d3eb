"""Verification of a real VictoriaLogs: missing, altered, added, and duplicate records."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.audit_query.central import chain_parts, logsql
from gateway.audit_query.central.verification import verify_central
from gateway.audit_query.central.verification_report import CentralChainReport, CentralReport
from gateway.journal.format.keys import PUBLIC_KEY
from gateway.journal.format.records import Receipt
from gateway.journal.verify.verification import Unverifiable, verify
from keyway.v1.audit_record_pb2 import AuditFilter
from tests.support.audit_history import history, write_history
from tests.support.central import EVERYTHING, Central, central_store, journal_id
from tests.support.journals import new_signing_key
from tests.support.processes import run
from tests.support.victoria_logs import PASSWORD

pytestmark = pytest.mark.xdist_group("central")

JOURNALS = 2
CALLS = 40


@pytest.fixture
async def journals(tmp_path: Path) -> list[Path]:
    directories = [tmp_path / f"gateway-{number}" for number in range(JOURNALS)]
    for seed, directory in enumerate(directories):
        await write_history(directory, history(CALLS, seed=seed))
    return directories


@pytest.fixture
async def central(tmp_path: Path, journals: list[Path]) -> AsyncIterator[Central]:
    async with central_store(tmp_path / "central") as central:
        await central.ship(*journals)
        yield central


@pytest.fixture
def keys(journals: list[Path]) -> list[Path]:
    return [directory / PUBLIC_KEY for directory in journals]


def heads(journals: list[Path]) -> list[Receipt]:
    found = [verify(directory).chains[0].head for directory in journals]
    return [head for head in found if head is not None]


async def rows_of(central: Central, receipt: Receipt, *sequences: int) -> list[dict[str, Any]]:
    query = f"{logsql.equals(logsql.CHAIN, receipt.chain)} {logsql.is_one_of(logsql.SEQUENCE, sequences)}"
    return [{**row} for row in await central.store.query(query)]


async def replace(central: Central, receipt: Receipt, sequence: int, **changes: str) -> None:
    """Change a record in the store, as somebody with its credentials and disk can do it."""
    (row,) = await rows_of(central, receipt, sequence)
    await delete(central, receipt, sequence)
    await central.store.insert([{**row, **changes}])


async def delete(central: Central, receipt: Receipt, *sequences: int) -> None:
    is_one = logsql.is_one_of(logsql.SEQUENCE, sequences)
    await central.store.delete(f"{logsql.equals(logsql.CHAIN, receipt.chain)} {is_one}")


async def outcomes_of(central: Central, receipt: Receipt, count: int) -> list[int]:
    chosen = f"{logsql.equals(logsql.CHAIN, receipt.chain)} {logsql.equals('event_code', 'outcome')}"
    return sorted(int(row[logsql.SEQUENCE]) for row in await central.store.query(f"{chosen} | limit {count}"))


def chain_of(report: CentralReport, receipt: Receipt) -> CentralChainReport:
    (found,) = (chain for chain in report.chains if chain.chain == receipt.chain)
    return found


async def test_unchanged_store_is_verified(central: Central, journals: list[Path], keys: list[Path]) -> None:
    report = await verify_central(central.settings, keys, expected=heads(journals))
    assert report.good, report
    assert {chain.head for chain in report.chains} == {*heads(journals)}
    assert {chain.journal for chain in report.chains} == {*map(journal_id, journals)}
    assert sum(chain.records for chain in report.chains) == sum(
        chain.records for directory in journals for chain in verify(directory).chains
    )
    assert all(chain.unsigned == 0 and chain.checkpoints > 0 for chain in report.chains)


async def test_every_missing_and_altered_record_is_found_in_every_chain(
    central: Central, journals: list[Path], keys: list[Path]
) -> None:
    first, second = heads(journals)
    await delete(central, first, 20)
    await delete(central, first, 30, 31, 32)
    (row,) = await rows_of(central, second, 25)
    await replace(central, second, 25, _msg=row["_msg"].replace('"time":17', '"time":16'))
    await replace(central, second, 40, **{logsql.PREVIOUS: "0" * 64})

    report = await verify_central(central.settings, keys)
    assert not report.good
    assert [str(problem) for problem in chain_of(report, first).problems] == [
        "record 20: not in the store",
        "records 30 to 32: not in the store",
    ]
    assert chain_of(report, first).missing == 4
    assert [str(problem) for problem in chain_of(report, second).problems] == [
        "record 25: the content does not match the hash",
        "record 40: the content does not match the hash",
    ]
    assert chain_of(report, second).altered == 2

    async with central.source() as source:
        coverage = (await source.list(AuditFilter(), EVERYTHING, limit=1, after=None)).coverage
    assert not coverage.complete
    assert coverage.incomplete_reason == f"4 records of {first.chain} are missing"


async def test_identical_duplicates_are_counted_and_different_ones_are_reported(
    central: Central, journals: list[Path], keys: list[Path]
) -> None:
    first, second = heads(journals)
    await central.store.insert(await rows_of(central, first, 10, 11))
    report = await verify_central(central.settings, keys)
    assert report.good
    assert chain_of(report, first).duplicates == 2

    (row,) = await rows_of(central, second, 12)
    await central.store.insert([{**row, "_msg": row["_msg"].replace("Encrypt", "Decrypt") + " "}])
    report = await verify_central(central.settings, keys)
    (problem,) = chain_of(report, second).problems
    assert str(problem) == "record 12: the store has 2 different records with this number"


async def test_altered_fields_are_found(central: Central, journals: list[Path], keys: list[Path]) -> None:
    first, _ = heads(journals)
    altered = {"caller": "somebody", "resources": "[]", "start_time": "16", "event_code": "", "request_id": "another"}
    outcomes = await outcomes_of(central, first, len(altered))
    for sequence, (field, value) in zip(outcomes, altered.items(), strict=True):
        await replace(central, first, sequence, **{field: value})
    report = await verify_central(central.settings, keys)
    assert [str(problem) for problem in chain_of(report, first).problems] == [
        f"record {sequence}: the fields that queries use do not match the content" for sequence in outcomes
    ]


async def test_gap_is_found_although_times_in_the_store_were_altered(
    central: Central, journals: list[Path], keys: list[Path]
) -> None:
    first, _ = heads(journals)
    await delete(central, first, *range(1, 15))
    (beginning,) = await rows_of(central, first, 15)
    await delete(central, first, 30, 31, 32)
    await replace(central, first, 33, _time=beginning["_time"])
    report = await verify_central(central.settings, keys)
    assert [str(problem) for problem in chain_of(report, first).problems] == ["records 30 to 32: not in the store"]


async def test_long_chain_is_verified_in_parts(
    central: Central, journals: list[Path], keys: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part is complete even if the clock was set back, or if times in the store were altered."""
    monkeypatch.setattr(chain_parts, "_RECORDS", 10)
    first, second = heads(journals)
    report = await verify_central(central.settings, keys, expected=[first, second])
    assert report.good, report
    await delete(central, first, *range(15, 45))
    (beginning, end) = await rows_of(central, second, 1, second.sequence)
    await replace(central, second, 25, _time=beginning["_time"])
    await replace(central, second, 26, _time=end["_time"])
    await replace(central, second, 50, **{logsql.PREVIOUS: "0" * 64})
    report = await verify_central(central.settings, keys, expected=[first, second])
    assert [str(problem) for problem in chain_of(report, first).problems] == ["records 15 to 44: not in the store"]
    assert [str(problem) for problem in chain_of(report, second).problems] == [
        "record 50: the content does not match the hash"
    ]
    assert report.missing_receipts == ()


async def test_rows_without_a_number_are_found(central: Central, journals: list[Path], keys: list[Path]) -> None:
    first, _ = heads(journals)
    (row,) = await rows_of(central, first, 12)
    await central.store.insert([{**row, logsql.SEQUENCE: number} for number in ("12x", "0.5", "-1", "9" * 30)])
    report = await verify_central(central.settings, keys)
    assert "record 0: 4 rows have no valid sequence number" in map(str, chain_of(report, first).problems)


async def test_forged_chain_and_rollback_are_found(
    central: Central, journals: list[Path], keys: list[Path], tmp_path: Path
) -> None:
    (first, second) = heads(journals)
    await write_history(tmp_path / "forged", history(5), signing_key_file=new_signing_key(tmp_path / "keys/other.pem"))
    await central.ship(tmp_path / "forged")
    last = second.sequence
    await delete(central, second, last, last - 1, last - 2)

    report = await verify_central(central.settings, keys, expected=[first, second])
    (forged,) = heads([tmp_path / "forged"])
    assert "no trusted key signed a later checkpoint" in str(chain_of(report, forged).problems)
    assert report.missing_receipts == (second,)
    assert chain_of(report, first).problem_count == 0
    with pytest.raises(Unverifiable, match="pass the public key"):
        await verify_central(central.settings, [])


async def test_beginning_that_retention_removed_is_noted(
    central: Central, journals: list[Path], keys: list[Path]
) -> None:
    first, _ = heads(journals)
    await delete(central, first, *range(1, 15))
    report = await verify_central(central.settings, keys)
    assert report.good
    assert chain_of(report, first).first == 15
    (note,) = chain_of(report, first).notes
    assert note.startswith("begins with record 15, of 20")


async def test_command_verifies_the_store(
    central: Central, journals: list[Path], keys: list[Path], tmp_path: Path
) -> None:
    first, _ = heads(journals)
    query = {"source": "central", "central": {**central.query, "password": {"file": "password"}}}
    (tmp_path / "password").write_text(PASSWORD)
    configuration = tmp_path / "auditor.yaml"
    configuration.write_text(yaml.safe_dump({"audit": {"directory": "none", "query": query}}))
    command = ("audit", "verify", "--central", configuration, *(f"--public-key={key}" for key in keys))

    done = await run(tmp_path, *command)
    assert (done.code, done.output.splitlines()[-1]) == (0, "verified")
    await delete(central, first, 20)
    done = await run(tmp_path, *command)
    assert done.code == 1
    assert "  BAD: record 20: not in the store" in done.output.splitlines()
    assert done.output.splitlines()[-1] == "NOT VERIFIED"
    report = json.loads((await run(tmp_path, *command, "--json")).output)
    assert [chain["missing"] for chain in report["chains"] if chain["chain"] == first.chain] == [1]
