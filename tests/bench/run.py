"""A complete run: every set, round, and competitor, each started as a new process."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import tools
from tests.bench.competitors import Competitor, Surroundings
from tests.bench.generators import Ghz, H2load, LoadError
from tests.bench.line_up import ONE_LEVEL, SETS
from tests.bench.material import Material
from tests.bench.measure import Generator, take_turn
from tests.bench.probe import WrongAnswerError
from tests.bench.processes import Server, ServerError
from tests.bench.results import LEVEL, Row, Rows
from tests.bench.upstream import upstream
from tests.support.ports import free_port


@dataclass(frozen=True)
class Options:
    """sets: by name. only: competitors by name; empty means all. half_load: also measure latency at half of the highest
    throughput. root: folder of the gateway's code.
    """

    sets: Sequence[str]
    only: frozenset[str] = frozenset()
    rounds: int = 5
    seconds: float = 4.0
    levels: Sequence[int] = (1, 16, 64, 256)
    half_load: bool = True
    root: Path = tools.ROOT


@dataclass(frozen=True)
class Plan:
    """Concurrency levels and seconds per measurement, and whether to measure half load."""

    levels: Sequence[int]
    seconds: float
    half_load: bool = False


@contextmanager
def surroundings(folder: Path, root: Path = tools.ROOT) -> Iterator[Surroundings]:
    """Start everything that competitors share."""
    material = Material(folder / "material")
    port = free_port()
    sink = (sys.executable, "-m", "tests.bench.plain_servers", "sink", "--port", port)
    with (
        upstream(tools.nginx(), material) as running,
        Server(sink, port, folder / "sink.log", folder=tools.ROOT),
    ):
        yield Surroundings(material, running, port, root)


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder on the disk of the build, because the journal's syncs must reach a real disk."""
    tools.BUILD.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{os.getpid()}-", dir=tools.BUILD))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(options: Options) -> Mapping[str, Rows]:
    """Measure all rows. A row that cannot be measured contains the reason."""
    with scratch() as folder, surroundings(folder, options.root) as around:
        return {name: _run_set(name, options, around, folder / name) for name in options.sets}


def _run_set(name: str, options: Options, around: Surroundings, folder: Path) -> Rows:
    rows = {one.name: Row(one) for one in SETS[name] if not options.only or one.name in options.only}
    for number in range(options.rounds):
        # A different row starts each round, so that slow changes affect all rows equally.
        order = list(rows.values())
        shift = number % len(order) if order else 0
        for row in order[shift:] + order[:shift]:
            if not row.failure:
                plan = _plan(name, options)
                take(row, plan, around, folder / f"{number}-{row.competitor.name}")
    return rows


def _plan(set_name: str, options: Options) -> Plan:
    if set_name in ONE_LEVEL:
        return Plan((LEVEL,), options.seconds)
    return Plan(options.levels, options.seconds, half_load=options.half_load)


def take(row: Row, plan: Plan, around: Surroundings, folder: Path) -> None:
    """Measure this row once more. If that fails, the row contains the reason."""
    try:
        turn = take_turn(
            row.competitor,
            around,
            _generator(row.competitor),
            folder,
            concurrencies=plan.levels,
            seconds=plan.seconds,
            pacer=Ghz(tools.ghz()) if plan.half_load else None,
        )
    except (ServerError, LoadError, WrongAnswerError, tools.MissingToolError) as error:
        row.failure = str(error)
        _say(f"{row.competitor.label}: {error}")
        return
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    row.turns.append(turn)
    cpu = ", ".join(f"{sample.concurrency}: {sample.cpu:.0f}" for sample in turn.samples)
    _say(f"{row.competitor.label}: CPU µs per call by concurrency: {cpu}")


def _generator(competitor: Competitor) -> Generator:
    return Ghz(tools.ghz()) if competitor.generator == "ghz" else H2load(tools.find().h2load)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
