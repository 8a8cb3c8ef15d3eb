"""CPU time of the programs that carry audit records from the journals to the central store."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from tests.bench.accounting import commands

_PROGRAMS: Final[Mapping[str, str]] = {
    "shippers": "gateway.journal.ship",
    "collector": "otelcol",
    "VictoriaLogs": "victoria-logs",
}
"""A part of the command of each program."""
_SECONDS: Final = 0.2


class CentralCosts:
    """CPU seconds of each program, over all of its processes, also those that were killed."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[int, float]] = defaultdict(dict)

    def read(self) -> Mapping[str, float]:
        """Return the CPU seconds so far, by program."""
        for pid, (command, seconds) in commands(os.getpid()).items():
            for program, part in _PROGRAMS.items():
                if part in command:
                    self._seconds[program][pid] = seconds
        return {program: sum(self._seconds[program].values()) for program in _PROGRAMS}


@asynccontextmanager
async def central_costs() -> AsyncIterator[CentralCosts]:
    """Watch the descendants of this process. A process that is killed counts up to the last look before."""
    costs = CentralCosts()

    async def watch() -> None:
        while True:
            costs.read()
            await asyncio.sleep(_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield costs
    finally:
        watching.cancel()
