"""Decompression of a whole journal, for versions that cannot read compressed segments."""

from contextlib import ExitStack
from pathlib import Path

from gateway.journal.format.segments import LOCK, chain_folders, segment_starts
from gateway.journal.write.compression import decompress
from gateway.journal.write.starting import lock


def decompress_journal(directory: Path) -> int:
    """Decompress all segments; return how many were compressed.

    Raises BlockingIOError if a gateway uses the journal, FileNotFoundError without a chain, other OSErrors, and
    DamagedSegment.
    """
    if not (folders := chain_folders(directory)):
        raise FileNotFoundError(2, "the directory contains no journal", str(directory))
    with ExitStack() as locks:
        for folder in folders:
            lock(folder / LOCK, locks)
        return sum(decompress(folder, start) for folder in folders for start in segment_starts(folder))
