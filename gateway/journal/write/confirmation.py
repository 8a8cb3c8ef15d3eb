"""Confirmation: enters the head of a running chain into the manifest every minute.

Without it, an attacker with write access to the directory could cut off a chain, with its checkpoints and their copies,
at any checkpoint since the start, and the rest would verify.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from gateway.journal.errors import JournalCorrupt, JournalUnavailable
from gateway.journal.format.records import Receipt
from gateway.journal.write.registration import confirm
from gateway.journal.write.writer import Writer

INTERVAL_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


class Confirmation:
    """The confirmation of the chain in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._confirmed: Receipt | None = None

    async def run(self, writer: Writer) -> None:
        """Enter the head of the chain, if it has moved. Logs failures."""
        head = writer.chain.receipt
        if head == self._confirmed:
            return
        try:
            await writer.make_durable(head.sequence)
            await asyncio.to_thread(confirm, self._folder.parent, self._folder.name, head, writer.records.key)
        except (OSError, JournalCorrupt, JournalUnavailable) as error:
            _log.warning("audit_head_not_confirmed", error=str(error), folder=str(self._folder))
        else:
            self._confirmed = head
