"""The report of a verification of the central store, as data for text and JSON output."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from gateway.journal.format.records import Receipt

MAXIMUM_PROBLEMS: Final = 100
"""The maximum number of problems of a chain in the report. `problem_count` includes the others."""


@dataclass(frozen=True, slots=True)
class CentralProblem:
    """A problem in a chain. sequence, last: the first and the last affected record. what: a description for people."""

    sequence: int
    last: int
    what: str

    def __str__(self) -> str:
        records = f"record {self.sequence}" if self.last == self.sequence else f"records {self.sequence} to {self.last}"
        return f"{records}: {self.what}"


@dataclass(slots=True)
class CentralChainReport:
    """The report on one chain.

    first: the oldest record in the store. head: the newest one. records: how many different ones there are. missing:
    how many are missing after the oldest one. altered: how many records do not match their hash, their predecessor,
    or another copy. duplicates: further copies of records, which are the same. unsigned: records after the last
    checkpoint of a trusted key. key_changes: where the signing key changes. problems: the first problems, of
    problem_count.
    """

    chain: str
    journal: str
    first: int = 0
    head: Receipt | None = None
    records: int = 0
    missing: int = 0
    altered: int = 0
    duplicates: int = 0
    checkpoints: int = 0
    unsigned: int = 0
    key_changes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[CentralProblem] = field(default_factory=list)
    problem_count: int = 0

    def add_problem(self, sequence: int, what: str, *, last: int | None = None) -> None:
        """Add a problem to the list, unless it is too long, and count it."""
        self.problem_count += 1
        if len(self.problems) < MAXIMUM_PROBLEMS:
            self.problems.append(CentralProblem(sequence, sequence if last is None else last, what))


@dataclass(frozen=True, slots=True)
class CentralReport:
    """The report on a store. keys: IDs of the trusted keys.

    missing_receipts: expected receipts whose records the store does not have. missing_journals: expected journals
    without a record.
    """

    endpoint: str
    keys: tuple[str, ...]
    chains: tuple[CentralChainReport, ...]
    missing_receipts: tuple[Receipt, ...] = ()
    missing_journals: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether everything verified."""
        found_all = not self.missing_receipts and not self.missing_journals
        return bool(self.chains) and found_all and all(not chain.problem_count for chain in self.chains)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        chains = [{**asdict(chain), "head": str(chain.head) if chain.head else None} for chain in self.chains]
        return {
            "endpoint": self.endpoint,
            "good": self.good,
            "keys": self.keys,
            "chains": chains,
            "missing_receipts": [str(receipt) for receipt in self.missing_receipts],
            "missing_journals": self.missing_journals,
        }
