"""The shipper of one chain: reads records, sends them, and stores the cursor, over one connection after another.

After any failure it continues from the stored cursor. A record that can't be shipped blocks the chain and is logged.
"""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.journal.format.cursor import Cursor, CursorError
from gateway.journal.ship.connection import CollectorConnection, UnreachableError
from gateway.journal.ship.cursor_store import CursorStore
from gateway.journal.ship.export_results import ExportResult, ExportStatus
from gateway.journal.ship.reader import Batch, ChainBrokenError, ChainReader
from gateway.journal.ship.sender import Sender
from gateway.journal.ship.settings import ShipSettings

_FIRST_PAUSE_SECONDS: Final = 0.1
_MAXIMUM_PAUSES: Final = 20  # by then the pause is the longest
_LOG_SECONDS: Final = 60.0
"""The minimum interval between two log events for the same failure."""
LAST_SECONDS: Final = 5.0
"""How long to ship the remaining records after the stop."""
_MAXIMUM_RETRY_DELAY_SECONDS: Final = 300.0
"""The maximum retry delay that a collector can request."""
_clock: Final[Callable[[], float]] = time.monotonic

_log = structlog.get_logger(__name__)


class ChainShipper:
    """Ships the chain in `folder` until `stop` is set, and then the remaining records if the collector accepts them.

    signing_key: the file of the key that signs the cursor.
    """

    def __init__(self, folder: Path, settings: ShipSettings, stop: asyncio.Event, signing_key: Path) -> None:
        self._folder = folder
        self._settings = settings
        self._stop = stop
        self._reader = ChainReader(folder)
        self._cursor_store = CursorStore(folder, signing_key, failed=self._not_written, untrusted=self._not_trusted)
        self._pauses = 0
        self._logged: dict[str, float] = {}
        self._stopped_at: float | None = None

    async def run(self) -> None:
        """Ship until the stop."""
        await self._cursor_store.prepare()
        while not self._stop.is_set():
            try:
                async with CollectorConnection(self._settings) as connection:
                    await self._ship_over(connection)
            except UnreachableError as error:
                self._log_failure("audit_collector_unreachable", str(error))
            except CursorError as error:
                # Retrying does not help, but an operator may repair the file meanwhile.
                self._log_failure("audit_shipping_held_up", str(error), is_error=True)
            except OSError as error:
                self._log_failure("audit_cursor_unreadable", error.strerror or str(error), is_error=True)
            await self._sleep(self._backoff())

    async def _ship_over(self, connection: CollectorConnection) -> None:
        """Ship from the cursor on, until the connection is lost, or until the stop and the end of the chain."""
        cursor = await self._cursor_store.load()
        sender = Sender(connection, self._settings.rewind, self._cursor_store)
        most = self._settings.batch_records
        while not connection.lost.done() and not self._too_late():
            batch = await self._next(cursor, most)
            if not batch:
                if self._stop.is_set() or (batch is None and not sender.unsafe):
                    break  # read the cursor file again: an operator may have changed it
                await self._wait(sender, self._settings.interval if batch is not None else self._backoff())
                continue
            result = await sender.send(batch)
            if result.status is ExportStatus.ACCEPTED:
                cursor = batch.ends[-1]
                most = min(most * 2, self._settings.batch_records)
                self._resumed()
            elif result.status is ExportStatus.REJECTED and len(batch) > 1:
                most = len(batch) // 2
            else:
                self._report(result, batch)
                if result.status is ExportStatus.LOST or self._stop.is_set():
                    break
                await self._wait(sender, self._backoff(result.delay))
        await sender.store_cursor()

    async def _next(self, cursor: Cursor | None, most: int) -> Batch | None:
        """Return the next records; an empty batch at the end of the chain; None if the chain can't be read."""
        try:
            return await asyncio.to_thread(self._reader.batch, cursor, records=most, bytes_=self._settings.batch_bytes)
        except ChainBrokenError as error:
            self._log_failure("audit_shipping_held_up", str(error), is_error=True)
        except OSError as error:
            self._log_failure("audit_journal_unreadable", error.strerror or str(error), is_error=True)
        return None

    def _too_late(self) -> bool:
        """Return whether the time for the remaining records after the stop is over."""
        if not self._stop.is_set():
            return False
        self._stopped_at = self._stopped_at or _clock()
        return _clock() - self._stopped_at > LAST_SECONDS

    async def _wait(self, sender: Sender, seconds: float) -> None:
        """Wait, and meanwhile check that the collector is alive if unsafe records depend on it."""
        end = _clock() + seconds
        while (left := end - _clock()) > 0 and not sender.lost.done():
            await self._sleep(min(left, sender.due_in()), sender.lost)
            if self._stop.is_set():
                return
            if sender.due_in() <= 0:
                result = await sender.check_alive()
                if result.status is not ExportStatus.ACCEPTED:
                    self._log_failure("audit_shipping_delayed", result.detail)

    async def _sleep(self, seconds: float, *events: "asyncio.Future[None]") -> None:
        """Wait for the seconds, the stop, or one of the events."""
        stopped = asyncio.ensure_future(self._stop.wait())
        waited: set[asyncio.Future[Any]] = {stopped, *events}
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    def _backoff(self, requested: float | None = None) -> float:
        """Return the next pause in seconds: exponential backoff with jitter, at least the `requested` delay."""
        longest = min(_FIRST_PAUSE_SECONDS * 2**self._pauses, self._settings.maximum_backoff)
        self._pauses = min(self._pauses + 1, _MAXIMUM_PAUSES)
        pause: float = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return max(min(requested or 0.0, _MAXIMUM_RETRY_DELAY_SECONDS), pause)

    def _report(self, result: ExportResult, batch: Batch) -> None:
        first = batch.ends[0].sequence
        if result.status is ExportStatus.REJECTED:
            cause = f"the collector rejects record {first} permanently: {result.detail}"
            self._log_failure("audit_shipping_held_up", cause, is_error=True)
        elif result.status is ExportStatus.DENIED:
            self._log_failure("audit_shipping_denied", result.detail, is_error=True)
        else:
            self._log_failure("audit_shipping_delayed", result.detail)

    def _not_written(self, error: OSError) -> None:
        self._log_failure("audit_cursor_not_written", error.strerror or str(error), is_error=True)

    def _not_trusted(self, cause: str) -> None:
        self._log_failure("audit_cursor_not_trusted", cause)

    def _log_failure(self, event: str, cause: str, *, is_error: bool = False) -> None:
        now = _clock()
        if now - self._logged.get(event, -_LOG_SECONDS) < _LOG_SECONDS:
            return
        self._logged[event] = now
        log = _log.error if is_error else _log.warning
        log(event, chain=self._folder.name, endpoint=self._settings.endpoint, error=cause)

    def _resumed(self) -> None:
        self._pauses = 0
        if self._logged:
            self._logged.clear()
            _log.info("audit_shipping_resumed", chain=self._folder.name, endpoint=self._settings.endpoint)
