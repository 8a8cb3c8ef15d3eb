"""Verifying an audit directory offline, also while a gateway writes to it: every byte, and what is missing.

Names the first bad record of each chain. Trusts nothing in the directory but, where no key is given, its public key.
Nothing is changed. What is reported stands in `verification_report`, what is in one chain in `chain_verification`.
"""

from collections.abc import Sequence
from pathlib import Path

from gateway.journal.format.keys import PUBLIC_KEY, VerifyingKey
from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import chain_folders
from gateway.journal.verify.chain_verification import ChainVerification
from gateway.journal.verify.report import ChainReport, Problem, Report

_ATTEMPTS = 3


class Unverifiable(Exception):
    """There is nothing to verify, or no key to verify it with."""


def verify(directory: Path, *, public_keys: Sequence[Path] = (), expected: Sequence[Receipt] = ()) -> Report:
    """Verify all chains. expected: receipts, or heads, that the directory must still hold. Unverifiable; OSError."""
    paths = public_keys or (directory / PUBLIC_KEY,)
    keys = [_key(path) for path in paths]
    folders = chain_folders(directory)
    if not folders:
        raise Unverifiable(f"{directory}: it holds no chain")
    chains = [_verify_chain(folder, keys, expected) for folder in folders]
    known = {chain.chain for chain in chains}
    missing = tuple(receipt for receipt in expected if receipt.chain not in known)
    return Report(
        directory=str(directory),
        keys=tuple(key.id for key in keys),
        trusts_directory=not public_keys,
        chains=tuple(chains),
        missing=missing,
    )


def _verify_chain(folder: Path, keys: Sequence[VerifyingKey], expected: Sequence[Receipt]) -> ChainReport:
    """A segment that retention removes in the meantime is no fault: then it is all read once more."""
    for attempt in range(_ATTEMPTS):
        verification = ChainVerification(folder, keys, expected)
        try:
            return verification.run()
        except FileNotFoundError as error:
            if attempt == _ATTEMPTS - 1:
                verification.report.problem = Problem(str(error.filename), 0, 0, "the file is gone")
    return verification.report


def _key(path: Path) -> VerifyingKey:
    try:
        return VerifyingKey.from_pem(path.read_bytes())
    except FileNotFoundError:
        raise Unverifiable(f"{path}: there is no public key; --public-key names one") from None
    except ValueError as error:
        raise Unverifiable(f"{path}: {error}") from None
