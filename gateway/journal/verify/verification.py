"""Offline verification of an audit directory, also while a gateway writes to it: every byte, and what is missing.

Reports the first invalid record of each chain. Trusts nothing in the directory, except its public key if no key is
given. Changes nothing.
"""

from collections.abc import Sequence
from pathlib import Path

from gateway.journal.format.keys import PUBLIC_KEY, JournalPublicKey
from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import chain_folders
from gateway.journal.verify.chain_verification import ChainVerification
from gateway.journal.verify.report import ChainReport, Problem, Report

_ATTEMPTS = 3


class Unverifiable(Exception):
    """The directory has no chain, or there is no key to verify it with."""


def verify(directory: Path, *, public_keys: Sequence[Path] = (), expected: Sequence[Receipt] = ()) -> Report:
    """Verify all chains. expected: receipts that the directory must contain. Raises Unverifiable, OSError."""
    paths = public_keys or (directory / PUBLIC_KEY,)
    keys = [_key(path) for path in paths]
    folders = chain_folders(directory)
    if not folders:
        raise Unverifiable(f"{directory}: the directory contains no journal")
    chains = [_verify_chain(folder, keys, expected) for folder in folders]
    _report_copies(chains)
    known = {chain.chain for chain in chains}
    missing = tuple(receipt for receipt in expected if receipt.chain not in known)
    return Report(
        directory=str(directory),
        keys=tuple(key.id for key in keys),
        trusts_directory=not public_keys,
        chains=tuple(chains),
        missing=missing,
    )


def _verify_chain(folder: Path, keys: Sequence[JournalPublicKey], expected: Sequence[Receipt]) -> ChainReport:
    """Verify a chain. If retention removes a segment meanwhile, verify the chain again."""
    for attempt in range(_ATTEMPTS):
        verification = ChainVerification(folder, keys, expected)
        try:
            return verification.run()
        except FileNotFoundError as error:
            if attempt == _ATTEMPTS - 1:
                verification.report.problem = Problem(str(error.filename), 0, 0, "the file was deleted")
    return verification.report


def _report_copies(chains: Sequence[ChainReport]) -> None:
    """Report a chain that another folder contains too: one of the folders is a copy."""
    folders: dict[str, str] = {}
    for chain in chains:
        if chain.chain and (other := folders.setdefault(chain.chain, chain.name)) != chain.name:
            what = f"the folder contains chain {chain.chain}, as does {other}: one of them is a copy"
            chain.problem = chain.problem or Problem(chain.name, 0, chain.first, what)


def _key(path: Path) -> JournalPublicKey:
    try:
        return JournalPublicKey.from_pem(path.read_bytes())
    except FileNotFoundError:
        raise Unverifiable(f"{path}: no such public key file; pass --public-key FILE") from None
    except ValueError as error:
        raise Unverifiable(f"{path}: {error}") from None
