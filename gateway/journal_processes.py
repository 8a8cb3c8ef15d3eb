"""The child processes for the journal of a gateway: the shipper and the indexer.

Each of them processes all chains. Their parent is the gateway, or the supervisor if there are workers.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.audit_query.index_process import IndexProcess
from gateway.audit_query.settings import AuditSection
from gateway.audit_query.verification import prepare
from gateway.child_process import ChildProcess
from gateway.gateway_settings import LogSettings
from gateway.journal.ship.process import ShipperProcess


class JournalProcesses:
    """The running processes."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, bytes], ChildProcess] = {}
        self._index: Path | None = None

    async def configure(self, audit: AuditSection | None, log: LogSettings) -> None:
        """Start and stop processes according to the settings. Replaces a process whose settings changed."""
        self._prepare_index(audit)
        wanted = {process.command: process for process in _processes(audit, log)} if audit is not None else {}
        await self._stop([process for command, process in self._running.items() if command not in wanted])
        for command, process in wanted.items():
            if command not in self._running:
                self._running[command] = await process.__aenter__()

    async def close(self) -> None:
        """Stop all processes."""
        await self._stop(list(self._running.values()))

    def _prepare_index(self, audit: AuditSection | None) -> None:
        folder = audit.index_directory if audit is not None and audit.query is not None else None
        if audit is not None and folder is not None and folder != self._index:
            prepare(audit)
        self._index = folder

    async def _stop(self, processes: list[ChildProcess]) -> None:
        for process in processes:
            del self._running[process.command]
            await process.__aexit__(None, None, None)


def _processes(audit: AuditSection, log: LogSettings) -> Iterator[ChildProcess]:
    if audit.ship is not None:
        yield ShipperProcess(
            audit.directory,
            audit.ship,
            signing_key_file=audit.signing_key_file,
            log_level=log.level,
            log_format=log.format,
        )
    if audit.query is not None and audit.query.source == "local":
        yield IndexProcess(audit, log_level=log.level, log_format=log.format)
