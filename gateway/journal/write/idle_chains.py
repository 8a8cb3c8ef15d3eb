"""Idle chains of the journal: chains that no running worker writes to.

A chain is idle after the number of workers was reduced, or while a worker is being replaced. The gateway opens idle
chains as any other, so that open intents get their outcomes, and retention removes what is old and shipped.
"""

import contextlib
from collections.abc import Collection

from gateway.journal.format.segments import chain_folders
from gateway.journal.settings import AuditSettings
from gateway.journal.write.journal import Journal
from gateway.journal.write.starting import UnknownOutcome


class IdleChains:
    """The idle chains of one audit directory. Release a chain before a worker opens it."""

    def __init__(self, settings: AuditSettings, unknown_outcome: UnknownOutcome) -> None:
        self._settings = settings
        self._unknown_outcome = unknown_outcome
        self._held: dict[int, Journal] = {}

    def configure(self, settings: AuditSettings) -> None:
        """Open chains with these settings from now on, for the same directory."""
        self._settings = settings

    async def hold(self, busy: Collection[int]) -> None:
        """Open every chain except those of the `busy` workers. Raises as `Journal.open`."""
        with contextlib.suppress(FileNotFoundError):  # a directory that could not be created has no chains
            for folder in chain_folders(self._settings.directory):
                number = int(folder.name.rpartition("-")[2])
                if number not in busy and number not in self._held:
                    self._held[number] = await Journal.open(
                        self._settings, number, unknown_outcome=self._unknown_outcome
                    )

    async def release(self, number: int) -> None:
        """Close a chain, so that a worker can open it."""
        if (journal := self._held.pop(number, None)) is not None:
            await journal.close()

    async def close(self) -> None:
        """Close all chains."""
        for number in list(self._held):
            await self.release(number)
