"""Offline verification of an audit directory, also while a gateway writes to it: every byte, and what is missing.

Reports the first invalid record of each chain. Trusts nothing in the directory, except its public key if no key is
given. Changes nothing.
"""

from collections.abc import Sequence
from pathlib import Path

from gateway.journal.format.checkpoints import read_copies
from gateway.journal.format.cursor import CursorError, load
from gateway.journal.format.keys import PUBLIC_KEY, JournalPublicKey
from gateway.journal.format.records import Receipt
from gateway.journal.format.regular_files import FileTooLarge, NotRegularFile, read_file
from gateway.journal.format.segments import chain_folders, segment_starts
from gateway.journal.verify.chain_verification import ChainVerification
from gateway.journal.verify.expected_records import CURSOR, MANIFEST, RECEIPT, ExpectedRecord
from gateway.journal.verify.manifest_verification import ManifestVerification
from gateway.journal.verify.progress import WatchLines, unwatched
from gateway.journal.verify.report import ChainReport, Problem, Report

_ATTEMPTS = 3
_MAXIMUM_KEY_BYTES = 1 << 16


class Unverifiable(Exception):
    """The directory has no chain, or there is no key to verify it with."""


def verify(
    directory: Path,
    *,
    public_keys: Sequence[Path | JournalPublicKey] = (),
    expected: Sequence[Receipt] = (),
    watch: WatchLines = unwatched,
) -> Report:
    """Verify all chains and the manifest. Raises Unverifiable or OSError.

    public_keys: trusted keys, or files with them. expected: receipts that the directory must contain. watch: follows
    the progress.
    """
    given = public_keys or (directory / PUBLIC_KEY,)
    keys = [each if isinstance(each, JournalPublicKey) else _key(each, follow=bool(public_keys)) for each in given]
    for _ in range(_ATTEMPTS):
        manifest = ManifestVerification(directory)
        receipts = [ExpectedRecord(each, RECEIPT) for each in expected]
        verified = _verify_chains(directory, keys, receipts, manifest, watch)
        chains = tuple(each.report for each in verified)
        trusted = {key.id: key for each in verified for key in each.trusted}
        report = Report(
            directory=str(directory),
            keys=tuple(key.id for key in keys),
            trusts_directory=not public_keys,
            chains=chains,
            missing=tuple(each for each in expected if each.chain not in {chain.chain for chain in chains}),
            manifest=manifest.report(chains, trusted.values()),
            signers=tuple(sorted(trusted)),
        )
        if report.good or not manifest.changed():
            break
    return report


def _verify_chains(
    directory: Path,
    keys: Sequence[JournalPublicKey],
    expected: Sequence[ExpectedRecord],
    manifest: ManifestVerification,
    watch: WatchLines,
) -> list[ChainVerification]:
    folders = chain_folders(directory)
    if not folders:
        raise Unverifiable(f"{directory}: the directory contains no journal")
    verified = []
    for folder in folders:
        if manifest.present and not manifest.lists(folder.name) and _empty(folder):
            continue  # a start that failed before it listed its chain
        head = manifest.head(folder.name)
        listed = [ExpectedRecord(head, MANIFEST)] if head is not None else []
        verified.append(_verify_chain(folder, keys, [*expected, *listed, *_shipped(folder, keys)], watch))
    _report_copies([each.report for each in verified])
    return verified


def _empty(folder: Path) -> bool:
    return not segment_starts(folder) and not read_copies(folder)


def _verify_chain(
    folder: Path, keys: Sequence[JournalPublicKey], expected: Sequence[ExpectedRecord], watch: WatchLines
) -> ChainVerification:
    """Verify a chain. If retention removes a segment meanwhile, verify the chain again."""
    for attempt in range(_ATTEMPTS):
        verification = ChainVerification(folder, keys, expected, watch)
        try:
            verification.run()
            break
        except (NotRegularFile, FileTooLarge) as error:
            verification.report.problem = Problem(str(error.filename), 0, 0, f"the file is {error.strerror}")
            break
        except FileNotFoundError as error:
            if attempt == _ATTEMPTS - 1:
                verification.report.problem = Problem(str(error.filename), 0, 0, "the file was deleted")
    return verification


def _shipped(folder: Path, keys: Sequence[JournalPublicKey]) -> list[ExpectedRecord]:
    """Return the last shipped record, if a given key signed the cursor: a chain that ends before it was rolled back."""
    try:
        file = load(folder)
    except (CursorError, OSError):
        return []
    if file is None or not any(file.signed_by(key) for key in keys):
        return []
    return [ExpectedRecord(Receipt(file.cursor.chain, file.cursor.sequence, file.cursor.hash), CURSOR)]


def _report_copies(chains: Sequence[ChainReport]) -> None:
    """Report a chain that another folder contains too: one of the folders is a copy."""
    folders: dict[str, str] = {}
    for chain in chains:
        if chain.chain and (other := folders.setdefault(chain.chain, chain.name)) != chain.name:
            what = f"the folder contains chain {chain.chain}, as does {other}: one of them is a copy"
            chain.problem = chain.problem or Problem(chain.name, 0, chain.first, what)


def _key(path: Path, *, follow: bool) -> JournalPublicKey:
    """Return the key in a file. follow: whether the caller named the file, so that it can be a link or a pipe."""
    try:
        return JournalPublicKey.from_pem(path.read_bytes() if follow else read_file(path, _MAXIMUM_KEY_BYTES))
    except FileNotFoundError:
        raise Unverifiable(
            f"{path}: no such public key file; check the journal directory, or pass --public-key FILE"
        ) from None
    except ValueError as error:
        raise Unverifiable(f"{path}: {error}") from None
    except (NotRegularFile, FileTooLarge) as error:
        raise Unverifiable(f"{path}: {error.strerror}") from None
