"""How costs grow with the number of policies and of providers: `python -m tests.bench.growth`.

Measures CPU time in one process, and fits an exponent to the upper half of the sizes: 0 is constant, and 1 is linear.
"""

import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gateway.authz.engine import PolicyEngine
from gateway.provider_states.aggregate import StateAggregate
from gateway.provider_states.reports import parse_snapshots, snapshots_line
from gateway.provider_states.states import ProviderStates
from gateway.providers.catalog import SETTINGS, Catalog
from gateway.workers import messages
from tests.support.policies import ALICE, ask, settings

POLICIES: Final = (1, 3, 10, 30, 100, 300, 1000)
PROVIDERS: Final = (1, 2, 5, 10, 20, 50, 100, 200)
_WORKERS: Final = 2
_ROUNDS: Final = 15
_ROUND_SECONDS: Final = 0.01

Costs = Mapping[int, float]


def measure(work: Callable[[], object]) -> float:
    """Return the CPU time of one run in µs: the median over several rounds of many runs."""
    runs, spent = 1, _time(work, 1)
    while spent < _ROUND_SECONDS:
        runs *= 2
        spent = _time(work, runs)
    return statistics.median(_time(work, runs) / runs for _ in range(_ROUNDS)) * 1e6


def _time(work: Callable[[], object], runs: int) -> float:
    began = time.process_time()
    for _ in range(runs):
        work()
    return time.process_time() - began


def exponent(costs: Costs) -> float:
    """Return the slope of the logarithms, by least squares, over the upper half of the sizes."""
    upper = sorted(costs)[len(costs) // 2 :]
    slope, _ = statistics.linear_regression(
        [math.log(size) for size in upper], [math.log(costs[size]) for size in upper]
    )
    return slope


def decision(size: int, folder: Path) -> tuple[float, float]:
    """Measure a decision that is not in the cache, and one that is. Each policy permits one caller to use one key."""
    policies = (
        f'@id("p{number}") permit(principal == Keyway::Caller::"spiffe://example.org/caller-{number}", '
        f'action == Keyway::Action::"Encrypt", resource == Keyway::Key::"providers/p/keys/k{number}");\n'
        for number in range(size)
    )
    place = folder / str(size)
    place.mkdir()
    engine = PolicyEngine.load(settings(place, "".join(policies)))
    names = (f"providers/p/keys/n{number}" for number in itertools.count())
    return measure(lambda: ask(engine, ALICE, "Encrypt", next(names))), measure(lambda: ask(engine, ALICE, "Encrypt"))


def heartbeat(size: int) -> tuple[float, float]:
    """Measure a heartbeat of a worker, and what the supervisor does with those of all workers once a second."""
    catalog = _catalog(size)
    states = ProviderStates(catalog, worker=0)
    aggregate = StateAggregate()
    line = _heartbeat(catalog, states)
    answer = _supervise(aggregate, line)

    def beat() -> None:
        _heartbeat(catalog, states)
        states.receive(parse_snapshots(answer))

    return measure(beat), measure(lambda: _supervise(aggregate, line))


def _catalog(size: int) -> Catalog:
    one = SETTINGS["nhn-secure-key-manager"]
    given = {"type": "nhn-secure-key-manager", "endpoint": "http://127.0.0.1:1", "app_key": "bench"}
    return Catalog.of([one.model_validate({**given, "id": f"p{number}"}) for number in range(size)])


def _heartbeat(catalog: Catalog, states: ProviderStates) -> bytes:
    """Return the heartbeat of a worker in which each provider ended one request."""
    for provider in catalog:
        provider.requests.ended("POST", 200, 0.02)
    return messages.serving(states.collect(), available=True)


def _supervise(aggregate: StateAggregate, line: bytes) -> bytes:
    for number in range(_WORKERS):
        report = messages.parse(line).providers
        assert report is not None
        aggregate.report(number, report)
    return snapshots_line(aggregate.snapshots())


def table(costs: Mapping[str, Costs]) -> str:
    """Return the costs in µs, and the exponents, in Markdown."""
    rows = ["| | exponent | CPU µs by number |", "| --- | ---: | --- |"]
    for what, by_size in costs.items():
        values = "; ".join(f"{size}: {cost:,.1f}" for size, cost in by_size.items())
        rows.append(f"| {what} | {exponent(by_size):.2f} | {values} |")
    return "\n".join(rows)


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory(prefix="keyway-growth-") as folder:
        decisions = {size: decision(size, Path(folder)) for size in POLICIES}
    heartbeats = {size: heartbeat(size) for size in PROVIDERS}
    costs = {
        "new decision, by policies": {size: new for size, (new, _) in decisions.items()},
        "cached decision, by policies": {size: cached for size, (_, cached) in decisions.items()},
        "heartbeat in a worker, by providers": {size: worker for size, (worker, _) in heartbeats.items()},
        f"heartbeats of {_WORKERS} workers in the supervisor, by providers": {
            size: supervisor for size, (_, supervisor) in heartbeats.items()
        },
    }
    print(table(costs))


if __name__ == "__main__":
    main()
