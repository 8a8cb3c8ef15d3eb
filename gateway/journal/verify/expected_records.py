"""Records that a chain must contain: given receipts, the head in the manifest, and the shipped record."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.journal.format.records import Receipt
from gateway.journal.verify.report import InvalidChain, RecordLocation

RECEIPT: Final = "receipt"
MANIFEST: Final = "manifest"
CURSOR: Final = "shipping cursor"


class ExpectedRecord(NamedTuple):
    """A record that must exist. source: what says so."""

    receipt: Receipt
    source: str


class ExpectedRecords:
    """The expected records of one chain, by sequence number. Those of other chains are left out."""

    def __init__(self, chain: str, expected: Iterable[ExpectedRecord]) -> None:
        self._left: dict[int, list[ExpectedRecord]] = {}
        for each in expected:
            if each.receipt.chain == chain:
                self._left.setdefault(each.receipt.sequence, []).append(each)

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._left

    def check(self, digest: str, location: RecordLocation) -> None:
        """Compare a record with those expected under its sequence number. Raises InvalidChain."""
        for receipt, source in self._left.pop(location.sequence):
            if receipt.hash != digest:
                raise InvalidChain(location, f"the record does not match the {source}")

    def finish(self, first: int, folder: str) -> list[str]:
        """Check the records that the chain did not contain; return notes. InvalidChain if the chain was rolled back.

        first: the oldest kept record. Records before it were removed by retention.
        """
        notes = []
        for sequence, expected in sorted(self._left.items()):
            for _, source in expected:
                if sequence >= first:
                    what = f"the chain ends before the record of this {source}: it was rolled back"
                    raise InvalidChain(RecordLocation(folder, 0, sequence), what)
                if source == RECEIPT:
                    notes.append(f"retention removed record {sequence}, for which a receipt was given")
        return notes
