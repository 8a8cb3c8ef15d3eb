"""The shipper of one chain: read, send, remember, over one connection after another.

Whatever happens, it goes on from the last safe place; what can't be shipped holds the chain up, and says so.
"""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.journal.format.cursor import Cursor, CursorError
from gateway.journal.ship.connection import Connection, UnreachableError
from gateway.journal.ship.cursor_store import Bookmark
from gateway.journal.ship.export_results import Answer, Meaning
from gateway.journal.ship.reader import Batch, ChainBrokenError, Journal
from gateway.journal.ship.sender import Line
from gateway.journal.ship.settings import ShipSettings

_FIRST_PAUSE_SECONDS: Final = 0.1
_MAXIMUM_PAUSES: Final = 20  # by then the pause is the longest
_LOG_SECONDS: Final = 60.0
"""A fault that lasts is worth a line at its beginning, and then one a minute."""
LAST_SECONDS: Final = 5.0
"""How long what is left may take at the stop."""
_LONGEST_ASKED_SECONDS: Final = 300.0
"""A collector may ask for a pause, but not for ever."""
_clock: Final[Callable[[], float]] = time.monotonic

_log = structlog.get_logger(__name__)


class ChainShipper:
    """Ships the chain in `folder` until `stop` is set, and then what is left, as long as the collector takes it."""

    def __init__(self, folder: Path, settings: ShipSettings, stop: asyncio.Event) -> None:
        self._folder = folder
        self._settings = settings
        self._stop = stop
        self._journal = Journal(folder)
        self._bookmark = Bookmark(folder, self._not_written)
        self._pauses = 0
        self._told: dict[str, float] = {}
        self._stopped_at: float | None = None

    async def run(self) -> None:
        """Returns at the stop."""
        while not self._stop.is_set():
            try:
                async with Connection(self._settings) as connection:
                    await self._ship_over(connection)
            except UnreachableError as error:
                self._complain("audit_collector_unreachable", str(error))
            except CursorError as error:
                # Wrong for good, but a person may put it right while we run.
                self._complain("audit_shipping_held_up", str(error), serious=True)
            except OSError as error:
                self._complain("audit_cursor_unreadable", error.strerror or str(error), serious=True)
            await self._rest(self._backoff())

    async def _ship_over(self, connection: Connection) -> None:
        """From the safe place on, until the connection is lost, or until the stop and the end of the chain."""
        cursor = await self._bookmark.place()
        line = Line(connection, self._settings.rewind, self._bookmark)
        most = self._settings.batch_records
        while not connection.lost.done() and not self._too_late():
            batch = await self._next(cursor, most)
            if not batch:
                if self._stop.is_set() or (batch is None and not line.unsafe):
                    break  # where the chain can't be read on, perhaps from another place: the cursor's file tells
                await self._wait(line, self._settings.interval if batch is not None else self._backoff())
                continue
            answer = await line.send(batch)
            if answer.meaning is Meaning.ACCEPTED:
                cursor = batch.ends[-1]
                most = min(most * 2, self._settings.batch_records)
                self._recovered()
            elif answer.meaning is Meaning.REFUSED and len(batch) > 1:
                most = len(batch) // 2
            else:
                self._tell(answer, batch)
                if answer.meaning is Meaning.LOST or self._stop.is_set():
                    break
                await self._wait(line, self._backoff(answer.delay))
        await line.remember()

    async def _next(self, cursor: Cursor | None, most: int) -> Batch | None:
        """What to ship next; nothing at the end of the chain, None where the chain can't be read on."""
        try:
            return await asyncio.to_thread(self._journal.batch, cursor, records=most, bytes_=self._settings.batch_bytes)
        except ChainBrokenError as error:
            self._complain("audit_shipping_held_up", str(error), serious=True)
        except OSError as error:
            self._complain("audit_journal_unreadable", error.strerror or str(error), serious=True)
        return None

    def _too_late(self) -> bool:
        """Whether what is left at the stop has to wait for the next start."""
        if not self._stop.is_set():
            return False
        self._stopped_at = self._stopped_at or _clock()
        return _clock() - self._stopped_at > LAST_SECONDS

    async def _wait(self, line: Line, seconds: float) -> None:
        """Let time pass, and meanwhile show the collector alive where something depends on it."""
        end = _clock() + seconds
        while (left := end - _clock()) > 0 and not line.lost.done():
            await self._rest(min(left, line.due_in()), line.lost)
            if self._stop.is_set():
                return
            if line.due_in() <= 0:
                answer = await line.show_alive()
                if answer.meaning is not Meaning.ACCEPTED:
                    self._complain("audit_shipping_delayed", answer.detail)

    async def _rest(self, seconds: float, *events: "asyncio.Future[None]") -> None:
        """Return after the seconds, at the stop, or when one of the events is there."""
        stopped = asyncio.ensure_future(self._stop.wait())
        waited: set[asyncio.Future[Any]] = {stopped, *events}
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    def _backoff(self, asked: float | None = None) -> float:
        """The next pause: longer each time, and not the same for everybody."""
        longest = min(_FIRST_PAUSE_SECONDS * 2**self._pauses, self._settings.maximum_backoff)
        self._pauses = min(self._pauses + 1, _MAXIMUM_PAUSES)
        pause: float = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return max(min(asked or 0.0, _LONGEST_ASKED_SECONDS), pause)

    def _tell(self, answer: Answer, batch: Batch) -> None:
        first = batch.ends[0].sequence
        if answer.meaning is Meaning.REFUSED:
            fault = f"the collector refuses record {first} for good: {answer.detail}"
            self._complain("audit_shipping_held_up", fault, serious=True)
        elif answer.meaning is Meaning.DENIED:
            self._complain("audit_shipping_denied", answer.detail, serious=True)
        else:
            self._complain("audit_shipping_delayed", answer.detail)

    def _not_written(self, error: OSError) -> None:
        self._complain("audit_cursor_not_written", error.strerror or str(error), serious=True)

    def _complain(self, event: str, fault: str, *, serious: bool = False) -> None:
        now = _clock()
        if now - self._told.get(event, -_LOG_SECONDS) < _LOG_SECONDS:
            return
        self._told[event] = now
        log = _log.error if serious else _log.warning
        log(event, chain=self._folder.name, endpoint=self._settings.endpoint, fault=fault)

    def _recovered(self) -> None:
        self._pauses = 0
        if self._told:
            self._told.clear()
            _log.info("audit_shipping_resumed", chain=self._folder.name, endpoint=self._settings.endpoint)
