"""The measurement of one competitor: warm-up, then the same load at each concurrency level, with kernel accounting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

from tests.bench.accounting import machine_busy
from tests.bench.competitors import Competitor, Surroundings
from tests.bench.generators import Ghz, Load
from tests.bench.probe import probe
from tests.bench.processes import Server
from tests.bench.target import Target

WARM_UP_SECONDS: Final = 1.0
_MANY: Final = 64


class Generator(Protocol):
    """Make calls for the given time."""

    @property
    def name(self) -> str:
        """Name of the program."""

    def run(self, target: Target, concurrency: int, seconds: float) -> Load:
        """Result of the load. Raises if any call failed."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement.

    cpu, helpers_cpu: CPU microseconds per call of the server, and the part of its helper processes. generator_cpu,
    upstream_cpu: the same for these processes. foreign: processors that other processes used; above a few hundredths,
    the figures are too high. offered_rate: calls started per second, if limited. p50, p99: seconds. system_cpu: the
    kernel's part of `cpu`.
    """

    concurrency: int
    calls: int
    rate: float
    cpu: float
    helpers_cpu: float
    generator_cpu: float
    upstream_cpu: float
    p50: float
    p99: float
    foreign: float
    offered_rate: float | None = None
    system_cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """All measurements of one competitor in one round. memory: peak bytes."""

    samples: Sequence[Sample]
    memory: int


def take_turn(
    competitor: Competitor,
    around: Surroundings,
    generator: Generator,
    folder: Path,
    *,
    concurrencies: Sequence[int],
    seconds: float,
    pacer: Ghz | None = None,
) -> Turn:
    """Start the competitor, measure it, and stop it. pacer: also measures gRPC at half of the highest throughput."""
    folder.mkdir(parents=True)
    with competitor.running(around, folder) as (server, target):
        meter = _Meter(server, around.upstream.server, generator, target, seconds)
        probe(target)
        generator.run(target, max(concurrencies), min(WARM_UP_SECONDS, seconds))
        samples = [meter.sample(level) for level in concurrencies]
        if pacer is not None and target.grpc:
            rate = max(sample.rate for sample in samples) / 2
            samples.append(meter.taken(lambda: pacer.run(target, _MANY, seconds, rate, steady=True), _MANY, rate))
        probe(target)
        return Turn(samples, server.peak_memory())


@dataclass(frozen=True)
class _Meter:
    server: Server
    upstream: Server
    generator: Generator
    target: Target
    seconds: float

    def sample(self, concurrency: int) -> Sample:
        return self.taken(lambda: self.generator.run(self.target, concurrency, self.seconds), concurrency)

    def taken(self, run: Callable[[], Load], concurrency: int, rate: float | None = None) -> Sample:
        begun, busy = monotonic(), machine_busy()
        before, upstream_before = self.server.usage(), self.upstream.usage()
        load = run()
        used, upstream_used = self.server.usage().since(before), self.upstream.usage().since(upstream_before)
        busy, elapsed = machine_busy() - busy, monotonic() - begun
        known = load.cpu + used.total + (upstream_used.total if self.server is not self.upstream else 0.0)
        microseconds = 1e6 / load.calls
        return Sample(
            concurrency,
            load.calls,
            load.calls / load.seconds,
            used.total * microseconds,
            used.helpers * microseconds,
            load.cpu * microseconds,
            upstream_used.total * microseconds,
            load.p50,
            load.p99,
            max(0.0, busy - known) / elapsed,
            rate,
            used.system * microseconds,
        )
