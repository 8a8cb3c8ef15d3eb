"""The drain of a server: tracks the calls in progress, stops new calls, and interrupts calls that take too long.

The server decides when to drain. The `drain_gate` interceptor answers the calls that are rejected or interrupted.
"""

import asyncio

CallTask = asyncio.Task[object]


class DrainGate:
    """The calls in progress, and whether new calls may enter. A closed gate stays closed."""

    def __init__(self) -> None:
        self._closed = False
        self._calls: set[CallTask] = set()
        self._interrupted: set[CallTask] = set()
        self._arrived = asyncio.Event()

    def enter(self, task: CallTask) -> bool:
        """Track the task of a call until it ends. Return whether the call may continue."""
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        if self._closed:
            self._arrived.set()
        return not self._closed

    def interrupted(self, task: CallTask) -> bool:
        """Return whether the drain canceled this task."""
        return task in self._interrupted

    def close(self, seconds: float) -> None:
        """Stop new calls now, and interrupt the calls in progress after `seconds`."""
        self._closed = True
        asyncio.get_running_loop().call_later(seconds, self._interrupt, frozenset(self._calls))

    def _interrupt(self, calls: frozenset[CallTask]) -> None:
        for task in calls & self._calls:
            self._interrupted.add(task)
            task.cancel()

    async def wait_until_quiet(self, seconds: float, *, at_most: float) -> None:
        """Return when no call has arrived for `seconds`, or after `at_most` seconds."""
        clock = asyncio.get_running_loop().time
        limit = clock() + at_most
        while clock() < limit:
            self._arrived.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return

    async def wait_until_empty(self, seconds: float) -> None:
        """Return when every call has ended, or after `seconds`."""
        clock = asyncio.get_running_loop().time
        limit = clock() + seconds
        while self._calls and (left := limit - clock()) > 0:
            await asyncio.wait(self._calls, timeout=left)
