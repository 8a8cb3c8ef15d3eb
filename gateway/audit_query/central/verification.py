"""Verification of the central store. It reads all records of all chains in order.

It recomputes the hashes of the records, and checks the links between them and the signatures of the checkpoints. It
needs little memory, because the store sorts the records and sends a part of a chain at a time.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway.audit_query.central import fields, logsql
from gateway.audit_query.central.candidates import RECORDS
from gateway.audit_query.central.chain_check import ChainCheck
from gateway.audit_query.central.chain_parts import ChainPart, stored_chains
from gateway.audit_query.central.fields import number_in
from gateway.audit_query.central.settings import CentralSettings
from gateway.audit_query.central.store import CentralStore, Row
from gateway.audit_query.central.verification_report import CentralReport
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.records import Receipt
from gateway.journal.verify.verification import Unverifiable

_REQUEST_SECONDS: Final = 300.0
_NUMBER: Final = logsql.quote("^[1-9][0-9]{0,17}$")
_COLUMNS: Final = logsql.names(
    logsql.SEQUENCE, logsql.PREVIOUS, logsql.KIND, logsql.HASH, logsql.BODY, logsql.CHAIN, *fields.ALL
)


async def verify_central(
    settings: CentralSettings,
    public_keys: Sequence[Path],
    *,
    expected: Sequence[Receipt] = (),
    progress: Callable[[int], None] | None = None,
) -> CentralReport:
    """Verify all chains in the store.

    public_keys: files with the public keys of the gateways (PEM). expected: receipts of records that the store must
    contain. progress: called with the number of checked records. Raises Unverifiable without a usable key, and
    GatewayError if a query fails.
    """
    keys = [_key(path) for path in public_keys]
    if not keys:
        raise Unverifiable("--public-key is required: pass the public key file of each gateway")
    store = CentralStore(settings, _REQUEST_SECONDS)
    try:
        checks = [check async for check in _checked(store, keys, expected, progress)]
    finally:
        await store.close()
    reports = tuple(check.report for check in checks)
    found = {receipt for check in checks for receipt in check.found}
    journals = {report.journal for report in reports}
    return CentralReport(
        endpoint=settings.endpoint,
        keys=tuple(key.id for key in keys),
        chains=reports,
        missing_receipts=tuple(receipt for receipt in expected if receipt not in found),
        missing_journals=tuple(journal for journal in settings.journals if journal not in journals),
    )


async def _checked(
    store: CentralStore,
    keys: Sequence[JournalPublicKey],
    expected: Iterable[Receipt],
    progress: Callable[[int], None] | None,
) -> AsyncIterator[ChainCheck]:
    """Yield the completed checks of all chains."""
    wanted = list(expected)
    total, unnumbered = 0, await _unnumbered(store)
    for stored in await stored_chains(store):
        chain = stored.chain
        receipts = {each.sequence: each for each in wanted if each.chain == chain}
        check = ChainCheck(chain, stored.journal, keys, receipts)
        if chain in unnumbered:
            check.report.add_problem(0, f"{unnumbered[chain]} rows have no valid sequence number")
        for part in stored.parts:
            check.add(await _rows(store, chain, part))
            if progress is not None:
                progress(total + check.report.records)
        check.finish()
        total += check.report.records
        yield check


async def _unnumbered(store: CentralStore) -> dict[str, int]:
    """Return, by chain, the number of rows without a valid sequence number, which other queries may omit."""
    chain, sequence = logsql.quote(logsql.CHAIN), logsql.quote(logsql.SEQUENCE)
    rows = await store.rows(f"{RECORDS} !{sequence}:~{_NUMBER} | stats by ({chain}) count() as found")
    return {str(row[logsql.CHAIN]): number_in(row, "found") or 0 for row in rows}


async def _rows(store: CentralStore, chain: str, part: ChainPart) -> Sequence[Row]:
    """Return the rows of a part of a chain, in order."""
    selected = f"{logsql.equals(logsql.CHAIN, chain)} {part.condition}"
    return await store.rows(f"{RECORDS} {selected} | fields {_COLUMNS} | sort by ({logsql.quote(logsql.SEQUENCE)})")


def _key(path: Path) -> JournalPublicKey:
    try:
        return JournalPublicKey.from_pem(path.read_bytes())
    except FileNotFoundError:
        raise Unverifiable(f"{path}: no such public key file") from None
    except ValueError as error:
        raise Unverifiable(f"{path}: {error}") from None
