"""Verification of the manifest: it must list exactly the chains of the directory, and a trusted key must sign it.

A journal that an older version began has no manifest, and its chains do not name one.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.journal.format import manifest as manifests
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.manifest import MalformedManifest, Manifest
from gateway.journal.format.records import Receipt
from gateway.journal.format.regular_files import FileTooLarge, NotRegularFile
from gateway.journal.verify.report import ChainReport, ManifestReport


class ManifestVerification:
    """Reads the manifest of a directory. Read it before the chains: a gateway can extend them meanwhile."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._content: bytes | None = None
        self._manifest: Manifest | None = None
        self._problem: str | None = None
        try:
            self._content = manifests.read(directory)
            self._manifest = Manifest.parse(self._content) if self._content is not None else None
        except MalformedManifest as error:
            self._problem = str(error)
        except (NotRegularFile, FileTooLarge) as error:
            self._problem = f"the manifest is {error.strerror}"

    def changed(self) -> bool:
        """Return whether the gateway changed the manifest since it was read, for example because it began a chain."""
        try:
            return manifests.read(self._directory) != self._content
        except OSError:
            return False

    @property
    def present(self) -> bool:
        """Whether the directory has a valid manifest."""
        return self._manifest is not None

    def lists(self, folder: str) -> bool:
        """Return whether the manifest lists a chain in this folder."""
        return self._manifest is not None and folder in self._manifest.heads

    def head(self, folder: str) -> Receipt | None:
        """Return the record that the chain of a folder must contain; None if the manifest says nothing about it."""
        head = self._manifest.heads.get(folder) if self._manifest is not None else None
        return head if head is not None and head.sequence else None

    def report(self, chains: Sequence[ChainReport], trusted: Iterable[JournalPublicKey]) -> ManifestReport | None:
        """Compare the manifest with the verified chains. Returns None for a journal of an older version.

        trusted: the keys that the verification of the chains trusts.
        """
        manifest = self._manifest
        if manifest is None:
            problems = [self._problem] if self._problem is not None else list(_missing(chains))
            return ManifestReport("", 0, tuple(problems)) if problems else None
        problems = [*_signature(manifest, trusted), *_listed(manifest, chains), *_unlisted(manifest, chains)]
        problems += _version(manifest, chains, self._newest_version(manifest))
        return ManifestReport(manifest.journal, manifest.time, tuple(problems))

    def _newest_version(self, manifest: Manifest) -> int:
        """Return the version after the chains were verified: a running gateway can write new ones meanwhile."""
        try:
            newest = manifests.load(self._directory)
        except (MalformedManifest, OSError):
            return manifest.version
        same_key = newest is not None and newest.key.id == manifest.key.id
        return max(manifest.version, newest.version) if newest is not None and same_key else manifest.version


def _missing(chains: Sequence[ChainReport]) -> Iterable[str]:
    for chain in chains:
        if chain.journal:
            yield f"the manifest is missing, although chain {chain.chain} belongs to {chain.journal}"


def _signature(manifest: Manifest, trusted: Iterable[JournalPublicKey]) -> Iterable[str]:
    if manifest.note is None or not any(manifest.note.signed_by(key) for key in trusted):
        yield f"the manifest is signed with key {manifest.key.id}, which is not trusted"


def _listed(manifest: Manifest, chains: Sequence[ChainReport]) -> Iterable[str]:
    """Return the problems of listed chains. A crash can interrupt the creation of a chain, whose head is then 0."""
    found = {chain.name: chain for chain in chains}
    for folder, head in manifest.heads.items():
        chain = found.get(folder)
        if head.sequence == 0 and (chain is None or chain.chain != head.chain):
            continue
        if chain is None:
            yield f"chain {head.chain} is missing: there is no folder {folder}"
        elif chain.chain != head.chain:
            yield f"{folder} contains chain {chain.chain or 'no chain'} instead of {head.chain}"


def _version(manifest: Manifest, chains: Sequence[ChainReport], version: int) -> Iterable[str]:
    for chain in chains:
        if chain.journal == manifest.journal and chain.manifest_version > version:
            yield (
                f"{chain.name} names version {chain.manifest_version} of the manifest, which has version "
                f"{version}: the manifest was rolled back"
            )


def _unlisted(manifest: Manifest, chains: Sequence[ChainReport]) -> Iterable[str]:
    for chain in chains:
        if chain.journal not in ("", manifest.journal):
            yield f"{chain.name} belongs to {chain.journal}, and not to {manifest.journal}"
        head = manifest.heads.get(chain.name)
        if head is None or (head.sequence == 0 and head.chain != chain.chain):
            yield (
                f"the manifest does not list chain {chain.chain} of {chain.name}; if an older version began it, the "
                "next start of the gateway lists it"
            )
