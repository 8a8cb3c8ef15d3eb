"""Signals: SIGTERM, SIGINT, and SIGHUP begin a graceful stop, and a second SIGTERM or SIGINT ends the process."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Final

import structlog

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger(__name__)


def stop_event(on_second_signal: Callable[[], None] = lambda: None) -> asyncio.Event:
    """Return an event that the first stop signal sets. A second one calls `on_second_signal` and ends the process.

    SIGHUP, which a terminal sends when it closes, also begins the stop. It never counts as the second signal, because
    service managers send it together with SIGTERM. If the parent ignores SIGHUP, as `nohup` does, it stays ignored.
    """
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
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, begin_stop)
    return stop


def ignore_hangups() -> None:
    """Log each SIGHUP and do nothing else, in a process that has nothing to reload."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(
        signal.SIGHUP,
        lambda: _log.warning(
            "hangup_ignored",
            effect="the configuration is not loaded again; restart the gateway, or use more than one worker",
        ),
    )
