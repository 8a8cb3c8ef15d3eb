"""What a verification found, for people and for programs. Only data; printing is the command's."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from gateway.journal.format.records import Receipt


class Place(NamedTuple):
    """Of a record: its file within the audit directory, where it begins in it, and its number in the chain."""

    file: str
    offset: int
    sequence: int


class Bad(Exception):
    """The first thing that does not verify. Stays within the verification."""

    def __init__(self, place: Place, what: str) -> None:
        super().__init__(what)
        self.place = place
        self.what = what


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that does not verify: where, and what is wrong with it."""

    file: str
    offset: int
    sequence: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}: byte {self.offset}: record {self.sequence}: {self.what}"


@dataclass(slots=True)
class ChainReport:
    """One chain.

    first: the oldest record that is kept. unsigned: records after the last checkpoint. open: requests without an
    outcome. gaps: times in which no record was taken. notes: what is worth knowing and no fault.
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
    notes: list[str] = field(default_factory=list)
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All chains of a directory. keys: that were trusted. missing: expected receipts of chains that are not there."""

    directory: str
    keys: tuple[str, ...]
    trusts_directory: bool
    chains: tuple[ChainReport, ...]
    missing: tuple[Receipt, ...] = ()

    @property
    def good(self) -> bool:
        """Whether everything verified."""
        return not self.missing and all(chain.problem is None for chain in self.chains)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        chains = []
        for chain in self.chains:
            told = asdict(chain)
            told["head"] = str(chain.head) if chain.head is not None else None
            chains.append(told)
        return {
            "directory": self.directory,
            "good": self.good,
            "keys": self.keys,
            "trusts_directory": self.trusts_directory,
            "chains": chains,
            "missing": [str(receipt) for receipt in self.missing],
        }
