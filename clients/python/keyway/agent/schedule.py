"""When a new certificate is installed: jitter across hosts, maintenance windows, and the override near expiry."""

import datetime as dt
import hashlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MACHINE_ID: Final = Path("/etc/machine-id")
_DAYS_SEARCHED: Final = 8
_LATEST_SHARE: Final = 0.9
"""The share of the rest of a window in which installations start, so that they also end in the window."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time range on some days of the week (Monday is 0). A range with `end` before `start` ends on the next day."""

    days: frozenset[int]
    start: dt.time
    end: dt.time

    def on(self, day: dt.date, zone: dt.tzinfo) -> tuple[dt.datetime, dt.datetime] | None:
        """Return the start and the end of the window that starts on a day; None if there is none."""
        if day.weekday() not in self.days:
            return None
        last = day if self.end > self.start else day + dt.timedelta(days=1)
        return dt.datetime.combine(day, self.start, zone), dt.datetime.combine(last, self.end, zone)


@dataclass(frozen=True, slots=True)
class Schedule:
    """jitter: the longest delay in seconds. windows: none permit every time.

    override_seconds: installations do not wait if the installed certificate expires within this time.
    """

    windows: tuple[Window, ...] = ()
    zone: dt.tzinfo = dt.UTC
    jitter: float = 0
    override_seconds: float = 0

    def is_open(self, now: dt.datetime) -> bool:
        """Return whether installations are permitted now."""
        return not self.windows or any(start <= now < end for start, end in self._around(now))

    def due(self, now: dt.datetime, share: float, expiry: dt.datetime | None) -> dt.datetime:
        """Return when to install a certificate that was found now.

        share: from 0 to 1, different on each host. expiry: the end of the installed certificate; None without one.
        """
        last = now if expiry is None else max(now, expiry - dt.timedelta(seconds=self.override_seconds))
        return min(last, self._planned(now, share))

    def _planned(self, now: dt.datetime, share: float) -> dt.datetime:
        start, room = now, self.jitter
        if self.windows:
            opens, closes = min(span for span in self._around(now) if span[1] > now)
            start = max(now, opens)
            room = min(room, (closes - start).total_seconds() * _LATEST_SHARE)
        return start + dt.timedelta(seconds=room * share)

    def _around(self, now: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        """Yield the windows of the previous day and of the following days."""
        today = now.astimezone(self.zone).date()
        for offset in range(-1, _DAYS_SEARCHED):
            for window in self.windows:
                if found := window.on(today + dt.timedelta(days=offset), self.zone):
                    yield found


def share_of_host(*words: str) -> float:
    """Return a number from 0 to 1 that depends on this host and the words, and does not change with a restart."""
    try:
        host = _MACHINE_ID.read_text()
    except OSError:
        host = ""
    digest = hashlib.sha256("\0".join((host, socket.gethostname(), *words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
