"""Chains of the journal that no gateway writes to now: mended and held, so that nothing in them waits for a writer.

They are there where the number of workers became smaller, or a worker had another chain while it was replaced. What a
crash left open in them gets its outcome, and what is shipped and old is removed, as in any other chain.
"""

import contextlib
from collections.abc import Collection

from gateway.journal.format.segments import chain_folders
from gateway.journal.settings import AuditSettings
from gateway.journal.write.journal import Journal
from gateway.journal.write.starting import UnknownOutcome


class IdleChains:
    """Of one audit directory. What is held has to be released before a writer can have it."""

    def __init__(self, settings: AuditSettings, unknown_outcome: UnknownOutcome) -> None:
        self._settings = settings
        self._unknown_outcome = unknown_outcome
        self._held: dict[int, Journal] = {}

    async def hold(self, busy: Collection[int]) -> None:
        """Take every chain but those of `busy`. Raises as `Journal.open` does, where one is damaged or taken."""
        with contextlib.suppress(FileNotFoundError):  # a directory that could not be made has no chains
            for folder in chain_folders(self._settings.directory):
                number = int(folder.name.rpartition("-")[2])
                if number not in busy and number not in self._held:
                    self._held[number] = await Journal.open(
                        self._settings, number, unknown_outcome=self._unknown_outcome
                    )

    async def release(self, number: int) -> None:
        """Give a chain to who will write to it."""
        if (journal := self._held.pop(number, None)) is not None:
            await journal.close()

    async def close(self) -> None:
        """Release all."""
        for number in list(self._held):
            await self.release(number)
