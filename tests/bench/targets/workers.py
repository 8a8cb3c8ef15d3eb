"""Two workers of one gateway, compared with two separate gateways on the same processors and under the same load."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.bench import tools
from tests.bench.competitors import Competitor, Surroundings
from tests.bench.generators import H2load
from tests.bench.intervals import of_median
from tests.bench.line_up import competitor
from tests.bench.measure import WARM_UP_SECONDS
from tests.bench.probe import probe
from tests.bench.processes import Server
from tests.bench.target import Target
from tests.bench.verdicts import Verdict

_WORKERS: Final = competitor("plaintext", "workers")
_SEPARATE: Final = competitor("plaintext", "bare")
_CONCURRENCY: Final = 32
"""Of each of the two generators."""


def measure(around: Surroundings, folder: Path, rounds: int, seconds: float) -> Sequence[Verdict]:
    """Measure both in each round, in alternating order."""
    ratios, rates = [], []
    for number in range(rounds):
        of_round = {}
        for name in ("workers", "separate") if number % 2 else ("separate", "workers"):
            one, processes = (_WORKERS, 1) if name == "workers" else (_SEPARATE, 2)
            of_round[name] = _calls_per_second(one, processes, around, folder / f"{number}-{name}", seconds)
        ratios.append(of_round["workers"] / of_round["separate"])
        rates.append(of_round)
    middle = rates[len(rates) // 2]
    return [
        Verdict.of(
            "2 workers ÷ 2 separate gateways: calls per CPU second",
            of_median(ratios),
            0.97,
            at_least=True,
            remark=f"in one round {middle['workers']:,.0f} and {middle['separate']:,.0f}",
        )
    ]


def _calls_per_second(one: Competitor, processes: int, around: Surroundings, folder: Path, seconds: float) -> float:
    """Calls per CPU second. With one process, both generators call the same address."""
    with ExitStack() as stack:
        servers, targets = [], []
        for number in range(processes):
            (own := folder / str(number)).mkdir(parents=True)
            server, target = stack.enter_context(one.running(around, own))
            probe(target)
            servers.append(server)
            targets.append(target)
        both = (targets * 2)[:2]
        _load(both, WARM_UP_SECONDS)
        before = _used(servers)
        calls = _load(both, seconds)
        return calls / (_used(servers) - before)


def _load(targets: Sequence[Target], seconds: float) -> int:
    generator = H2load(tools.find().h2load)
    with ThreadPoolExecutor(len(targets)) as pool:
        loads = list(pool.map(lambda target: generator.run(target, _CONCURRENCY, seconds), targets))
    return sum(load.calls for load in loads)


def _used(servers: Sequence[Server]) -> float:
    return sum(server.usage().total for server in servers)
