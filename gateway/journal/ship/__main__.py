"""The shipper process of a gateway: reads its settings from standard input, and ends when that is closed.

Standard input is closed when the gateway ends, even if it is killed, so no shipper outlives its gateway. To ship
without a gateway, use `keyway-gateway audit ship`.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass
from typing import Final

import uvloop

from gateway import logs
from gateway.journal.ship.bootstrap import ShipperBootstrap
from gateway.journal.ship.shipper import run_shipper
from gateway.process_priority import lower_priority

_NICENESS: Final = 5
"""If processors are busy, calls come before records."""


@dataclass(frozen=True, slots=True)
class _Log:
    level: str
    format: str


def main() -> int:
    """Ship until standard input is closed."""
    # Terminals and service managers send signals to this process too. It must end after the gateway, to ship the last
    # records.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    lower_priority(_NICENESS)
    bootstrap = ShipperBootstrap.parse(sys.stdin.buffer.readline())
    logs.configure(_Log(bootstrap.log_level, bootstrap.log_format))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_ship(bootstrap))
    return 0


async def _ship(bootstrap: ShipperBootstrap) -> None:
    stop = asyncio.Event()
    ended = asyncio.ensure_future(asyncio.to_thread(sys.stdin.buffer.read))
    ended.add_done_callback(lambda _: stop.set())
    await run_shipper(bootstrap.directory, bootstrap.settings, stop, bootstrap.signing_key_file)


if __name__ == "__main__":
    sys.exit(main())
