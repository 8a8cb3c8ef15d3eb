"""Counters for repetitions of calls within a clock hour, which are recorded together.

An auditor's tool can poll AuditService every second. The first call of an hour has its own record; this module counts
the others. If the process is killed, it loses the counts of the hour, but not the record of the first call.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from gateway.audit import events
from gateway.audit.call_facts import CallDetails
from gateway.authz.decision import Decision
from gateway.identity.caller import Caller

_HOUR_SECONDS: Final = 3600
_RETRY_SECONDS: Final = 1.0
_MAXIMUM_CALLS: Final = 4096
"""Maximum number of different calls that are counted. Repetitions of other calls have their own records."""

Append = Callable[[bytes], object]
"""Appends an event to the journal. Raises an exception if the journal does not accept it."""


class RepeatedCall(NamedTuple):
    """What makes a call a repetition of another. host: the address of the peer, which the record must not lose.

    surface: as in CallSource.
    request: a digest. decisions: a policy change begins a new count.
    """

    caller: Caller
    host: str
    surface: str
    method: str
    request: bytes
    decisions: tuple[Decision, ...]


@dataclass(slots=True)
class _Counted:
    """The repetitions of one call. details: of the first call."""

    hour: int
    details: CallDetails
    count: int = 0
    first: float = 0.0
    last: float = 0.0

    def event(self) -> bytes:
        details = replace(self.details, caller_request_id="", trace_id="", span_id="")
        return events.repetitions(details, count=self.count, first=self.first, last=self.last)


class Repetitions:
    """Counts repetitions. append: receives the events. failed: the exception that `append` raises if it fails.

    clock: returns seconds since 1970.
    """

    def __init__(self, append: Append, failed: type[Exception], clock: Callable[[], float] = time.time) -> None:
        self._append = append
        self._failed = failed
        self._clock = clock
        self._calls: dict[RepeatedCall, _Counted] = {}
        self._ended: list[_Counted] = []
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, call: RepeatedCall, details: CallDetails) -> None:
        """Start to count repetitions of a call, which has its own record."""
        self._end_hours()
        if call not in self._calls and len(self._calls) < _MAXIMUM_CALLS:
            self._calls[call] = _Counted(self._hour(), details)
            self._schedule()

    def known(self, call: RepeatedCall) -> bool:
        """Return whether the call is a repetition of a call in this hour."""
        counted = self._calls.get(call)
        return counted is not None and counted.hour == self._hour()

    def count(self, call: RepeatedCall) -> bool:
        """Count a repetition. Returns whether the call is one."""
        if not self.known(call):
            return False
        counted, now = self._calls[call], self._clock()
        counted.count += 1
        counted.first = counted.first or now
        counted.last = now
        return True

    def flush(self) -> None:
        """Append all counts to the journal. Called when the gateway stops."""
        self._ended += self._calls.values()
        self._calls.clear()
        self._write()
        if self._timer is not None:
            self._timer.cancel()

    def _end_hours(self) -> None:
        """Append the counts of earlier hours. Counts that the journal does not accept are kept for the next attempt."""
        hour = self._hour()
        for call in [call for call, counted in self._calls.items() if counted.hour != hour]:
            self._ended.append(self._calls.pop(call))
        self._write()

    def _write(self) -> None:
        while self._ended:
            if self._ended[0].count:
                try:
                    self._append(self._ended[0].event())
                except self._failed:
                    return
            self._ended.pop(0)

    def _schedule(self) -> None:
        """Schedule the next write: at the end of the hour, or soon if the journal did not accept a record."""
        if self._timer is None:
            now = self._clock()
            pause = _RETRY_SECONDS if self._ended else _HOUR_SECONDS - now % _HOUR_SECONDS
            self._timer = asyncio.get_running_loop().call_later(pause, self._run)

    def _run(self) -> None:
        self._timer = None
        self._end_hours()
        if self._calls or self._ended:
            self._schedule()

    def _hour(self) -> int:
        return int(self._clock() // _HOUR_SECONDS)
