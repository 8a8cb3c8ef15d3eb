"""The verification report, for people and for programs. Contains data only; the command prints it."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from gateway.journal.format.records import Receipt


class RecordLocation(NamedTuple):
    """Where a record is: the file in the audit directory, the byte offset in it, and the sequence number."""

    file: str
    offset: int
    sequence: int


class InvalidChain(Exception):
    """The first problem in a chain. Only used inside the verification."""

    def __init__(self, location: RecordLocation, what: str) -> None:
        super().__init__(what)
        self.location = location
        self.what = what


@dataclass(frozen=True, slots=True)
class Problem:
    """The first problem in a chain: where it is, and what is wrong."""

    file: str
    offset: int
    sequence: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}: byte {self.offset}: record {self.sequence}: {self.what}"


@dataclass(slots=True)
class ChainReport:
    """The report on one chain.

    first: the oldest kept record. copies: copied checkpoints. unsigned: records after the last checkpoint. open: ids of
    requests with an intent and without an outcome. gaps: periods in which no record was accepted. journal: the id of
    the journal to which the chain belongs; empty if an older version wrote all of it. manifest_version: the newest
    version of the manifest that a checkpoint names. key_changes: where the signing key changes. recovered: ranges of
    records that a run left unsigned, and that the next start found and signed. notes: findings that are not errors.
    """

    name: str
    chain: str = ""
    first: int = 0
    head: Receipt | None = None
    segments: int = 0
    records: int = 0
    intents: int = 0
    outcomes: int = 0
    other_events: int = 0
    checkpoints: int = 0
    copies: int = 0
    unsigned: int = 0
    open: tuple[str, ...] = ()
    gaps: list[dict[str, Any]] = field(default_factory=list)
    journal: str = ""
    manifest_version: int = 0
    key_changes: list[dict[str, Any]] = field(default_factory=list)
    recovered: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class ManifestReport:
    """The report on the manifest. journal: its id. time: when it was signed, in milliseconds since 1970."""

    journal: str
    time: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The report on a directory. keys: ids of the trusted keys. missing: expected receipts of chains that don't exist.

    trusts_directory: whether the trusted key was read from the directory itself. manifest: None if an older version
    wrote the journal, which has no manifest. signers: ids of the keys that are trusted after the verification: the
    given ones, and those that the chains name.
    """

    directory: str
    keys: tuple[str, ...]
    trusts_directory: bool
    chains: tuple[ChainReport, ...]
    missing: tuple[Receipt, ...] = ()
    manifest: ManifestReport | None = None
    signers: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether everything verified."""
        listed = self.manifest is None or not self.manifest.problems
        return listed and not self.missing and all(chain.problem is None for chain in self.chains)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        chains = []
        for chain in self.chains:
            value = asdict(chain)
            value["head"] = str(chain.head) if chain.head is not None else None
            chains.append(value)
        return {
            "directory": self.directory,
            "good": self.good,
            "keys": self.keys,
            "trusts_directory": self.trusts_directory,
            "chains": chains,
            "missing": [str(receipt) for receipt in self.missing],
            "manifest": asdict(self.manifest) if self.manifest is not None else None,
        }
