"""The index of the audit journal under load: `python -m tests.bench.audit_index_load`.

It alternates between a gateway whose journal is indexed and one whose journal is not, and prints the throughput at
saturation of both. Then it measures how far the index lags behind at half of the throughput.
"""

import argparse
import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.audit_query.index.local_source import LocalSource
from gateway.errors import GatewayError
from tests.bench import tools
from tests.bench.competitors import Competitor, Surroundings
from tests.bench.gateway_settings import EVERYTHING
from tests.bench.generators import H2load
from tests.bench.processes import leave_nothing_behind
from tests.bench.run import scratch, surroundings

_CONCURRENCY: Final = 64
_POLL_SECONDS: Final = 0.25
_WARM_UP_SECONDS: Final = 2.0
_PLAIN: Final = Competitor("everything", "gateway, everything on", "gateway", tls=True, parts=EVERYTHING)
_INDEXED: Final = replace(_PLAIN, name="indexed", parts=replace(EVERYTHING, query=True))


class LagLog:
    """Seconds and records by which the index lags behind the journal, measured regularly."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stop = threading.Event()
        self.seconds: list[float] = []
        self.records: list[int] = []

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure while the block runs."""
        thread = threading.Thread(target=lambda: asyncio.run(self._measure()))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    async def _measure(self) -> None:
        source = LocalSource(self._directory, self._directory / "index")
        while not self._stop.is_set():
            try:
                state = await source.state()
            except GatewayError:
                continue
            indexed = state.indexed.timestamp() if state.indexed is not None else 0.0
            self.seconds.append(time.time() - indexed)
            self.records.append(state.pending)
            await asyncio.sleep(_POLL_SECONDS)
        await source.close()


def measure(around: Surroundings, folder: Path, rounds: int, seconds: float) -> bool:
    """Measure, and print the figures. Returns whether the lag is below its target."""
    generator = H2load(tools.find().h2load)
    rates: dict[str, list[float]] = {_PLAIN.name: [], _INDEXED.name: []}
    lag = LagLog(folder / "lag" / "journal")
    for number in range(rounds):
        # In alternating order, because the files that one run wrote can slow down the next one.
        for competitor in (_PLAIN, _INDEXED)[:: 1 if number % 2 else -1]:
            own = folder / f"{number}-{competitor.name}"
            own.mkdir()
            with competitor.running(around, own) as (_, target):
                generator.run(target, _CONCURRENCY, _WARM_UP_SECONDS)
                load = generator.run(target, _CONCURRENCY, seconds)
            rates[competitor.name].append(load.calls / load.seconds)
            print(f"{competitor.name:12} {load.calls / load.seconds:6.0f} calls/s", flush=True)
    plain, indexed = (statistics.median(rates[each.name]) for each in (_PLAIN, _INDEXED))
    print(f"loss of throughput at saturation: {1 - indexed / plain:.1%} (target below 3 %)")
    own = folder / "lag"
    own.mkdir()
    with _INDEXED.running(around, own) as (_, target):
        generator.run(target, _CONCURRENCY, _WARM_UP_SECONDS)
        with lag.measuring():
            load = generator.run(target, _CONCURRENCY, seconds * 2, rate=indexed / 2)
    print(f"lag at {load.calls / load.seconds:.0f} calls/s: up to {max(lag.seconds):.1f} s, {max(lag.records)} records")
    return max(lag.seconds) <= 5


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="seconds per measurement")
    arguments = parser.parse_args()
    leave_nothing_behind()
    with scratch() as folder, surroundings(folder) as around:
        return 0 if measure(around, folder, arguments.rounds, arguments.seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
