"""The shipper's process, as the gateway starts it: told by one line on standard input, ends when that is closed.

It closes when the gateway ends, in whatever way: no shipper outlives its gateway. For a shipper without a gateway there
is `python -m gateway audit ship`.
"""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from typing import Final

import uvloop

from gateway import logs
from gateway.journal.ship.bootstrap import Handover
from gateway.journal.ship.shipper import run_shipper

_NICENESS: Final = 5
"""Where processors are scarce calls come first; records can wait."""


@dataclass(frozen=True, slots=True)
class _Log:
    level: str
    format: str


def main() -> int:
    """Ship until the gateway ends, or says that it is enough."""
    # What ends the gateway may reach us too: a Ctrl-C at the terminal, a service manager. We end after the gateway,
    # when its last records are there.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(_NICENESS)
    handover = Handover.parse(sys.stdin.buffer.readline())
    logs.configure(_Log(handover.log_level, handover.log_format))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_ship(handover))
    return 0


async def _ship(handover: Handover) -> None:
    stop = asyncio.Event()
    ended = asyncio.ensure_future(asyncio.to_thread(sys.stdin.buffer.read))
    ended.add_done_callback(lambda _: stop.set())
    await run_shipper(handover.directory, handover.settings, stop)


if __name__ == "__main__":
    sys.exit(main())
