"""Stop signals: SIGTERM and SIGINT begin a graceful stop, and a second one ends the process."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Final

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def stop_event(on_second_signal: Callable[[], None] = lambda: None) -> asyncio.Event:
    """Return an event that the first stop signal sets. A second one calls `on_second_signal` and ends the process."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def end_process(number: int, _frame: object) -> None:
        """End the process with code 128 + signal. The kernel does not kill process 1 of a container by default."""
        on_second_signal()
        os._exit(128 + number)

    def begin_stop() -> None:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, end_process)
        stop.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, begin_stop)
    return stop
