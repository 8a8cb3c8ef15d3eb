"""Each target is computed from the right rows, within rounds, and programs that it needs are measured correctly."""

import resource
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import tools
from tests.bench.competitors import ENCRYPT
from tests.bench.line_up import SETS
from tests.bench.material import Material
from tests.bench.measure import Sample, Turn
from tests.bench.paged_upstream import PagedUpstream, Served
from tests.bench.probe import probe
from tests.bench.processes import Server, ServerError
from tests.bench.resource_usage import files
from tests.bench.results import Row
from tests.bench.target import Target
from tests.bench.targets import cpu, instructions, listing, start
from tests.bench.targets.connections import IdleConnections, raised_file_limit
from tests.support.ports import free_port
from tests.support.waiting import eventually


def sample(level: int, *, cost: float = 100.0, p50: float = 0.001, p99: float = 0.002, system: float = 0.0) -> Sample:
    return Sample(level, 1000, 1e6 / cost, cost, 0.0, 0.0, 0.0, p50, p99, 0.0, None, system)


def paced(rate: float, *, p99: float) -> Sample:
    return Sample(64, 1000, rate, 100.0, 0.0, 0.0, 0.0, 0.001, p99, 0.0, 1000.0)


def row(*rounds: list[Sample]) -> Row:
    return Row(SETS["plaintext"][0], [Turn(samples, 0) for samples in rounds])


def rows(**given: Row) -> dict[str, Row]:
    found = {key: row() for key in cpu.NAMES}
    return found | {name.replace("_", "-"): one for name, one in given.items()}


def verdict_of(found: cpu.Measurements, what: str) -> float:
    return next(one.measured for one in cpu.verdicts(found) if one.what.startswith(what))


def test_cpu_time_is_compared_within_rounds() -> None:
    """A slow round affects both sides."""
    found = rows(
        everything=row([sample(64, cost=100.0)], [sample(64, cost=300.0)], [sample(64, cost=110.0)]),
        openbao_tls=row([sample(64, cost=200.0)], [sample(64, cost=600.0)], [sample(64, cost=220.0)]),
    )
    verdicts = {one.what: one for one in cpu.verdicts(cpu.Measurements(found))}
    ratio = verdicts.pop("everything on ÷ OpenBao with audit, TLS: CPU per call")
    assert (ratio.measured, ratio.decision) == (0.5, "not decided")
    assert {one.decision for one in verdicts.values()} == {"not measured"}


def test_latency_is_what_a_row_adds_to_a_direct_call_less_its_syncs() -> None:
    found = cpu.Measurements(
        rows(
            everything_os=row([sample(1, p50=0.0009)]),
            everything=row([sample(1, p50=0.0013)]),
            naive_tls=row([sample(1, p50=0.0011)]),
            direct_tls=row([sample(1, p50=0.0001)]),
        ),
        [0.0001],
    )
    assert verdict_of(found, "durability: os") == pytest.approx(0.8)
    assert verdict_of(found, "durability: fsync") == pytest.approx(1.0)


def test_rounds_in_which_the_generator_was_late_do_not_count_for_half_load() -> None:
    found = cpu.Measurements(
        rows(
            everything=row([paced(1000.0, p99=0.006)], [paced(700.0, p99=0.5)]),
            naive_tls=row([paced(1000.0, p99=0.004)], [paced(1000.0, p99=0.004)]),
        )
    )
    assert verdict_of(found, "p99 at half") == pytest.approx(1.5)


def test_instructions_are_compared_with_system_time_beside_them() -> None:
    counts = {
        "everything": [790.0, 802.0],
        "naive-tls": [1000.0, 1010.0],
        "bare": [500.0, 500.0],
        "naive": [1000.0, 1000.0],
        "cached": [400.0, 420.0],
        "echo": [400.0, 400.0],
        "full": [1500.0],
        "download": [1000.0],
    }
    verdicts = instructions.verdicts(
        counts, {"bare": row([sample(64, system=60.0)]), "naive": row([sample(64, system=50.0)])}
    )
    assert [one.decision for one in verdicts] == ["not decided", "met", "met", "not decided"]
    assert verdicts[1].remark == "0 and 1 thousand; system time 60 and 50 µs"


def test_a_batch_is_counted_by_its_items() -> None:
    found = rows(
        bare=row([sample(64, cost=200.0, system=60.0)]),
        batch=row([sample(1, cost=4000.0, system=500.0)]),
    )
    verdict = cpu.verdicts(cpu.Measurements(found))[-1]
    assert verdict.measured == pytest.approx(0.2)
    assert verdict.remark == "40 and 200 µs; system time 5 and 60 µs"


def test_overlapping_requests_are_one_batch() -> None:
    served = [
        (1, Served("a", 0.0, 1.0)),
        (2, Served("b", 0.5, 2.0)),
        (3, Served("c", 1.5, 1.8)),
        (1, Served("d", 2.0, 3.0)),
    ]
    assert listing.overlapping(served) == [[(1, "a"), (2, "b"), (3, "c")], [(1, "d")]]


def test_upstream_calls_are_repeated_in_their_batches() -> None:
    with PagedUpstream(25, delay=0.05) as upstream:
        page = "/certmanager/v1.2/appkeys/bench/certificates?pageSize=10&pageNum={}"
        batches = [
            [(upstream.port, page.format(1)), (upstream.port, page.format(2))],
            [(upstream.port, page.format(3))],
        ]
        seconds = listing.repeat(batches)
        assert 0.1 <= seconds < 1.0
        assert listing.overlapping([(upstream.port, one) for one in upstream.served])[1] == batches[1]


async def test_idle_connections_stay_open_until_the_block_ends(tmp_path: Path) -> None:
    material = Material(tmp_path)
    certificate, key = material.server_files
    port = free_port()
    command = (sys.executable, "-m", "tests.bench.plain_servers", "echo", "--port", port)
    tls = ("--certificate", certificate, "--private-key", key)
    target = Target(port, ENCRYPT, b"", grpc=True, authority=material.authority_file)
    with Server((*command, *tls), port, tmp_path / "log", folder=tools.ROOT) as server:
        with IdleConnections(target) as idle:
            idle.open(10, "127.0.0.2")
            idle.open(10, "127.0.0.3")
            assert idle.count == 20
            probe(target)
            opened = files(server.pid)

        async def are_closed() -> bool:
            return files(server.pid) <= opened - 20

        await eventually(are_closed)
        with pytest.raises(ServerError, match=r"from .* failed"), IdleConnections(replace(target, port=1)) as idle:
            idle.open(1, "127.0.0.2")


def test_the_limit_of_open_files_is_raised_only_while_connections_are_measured() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = min(200, before[0])
    resource.setrlimit(resource.RLIMIT_NOFILE, (lower, before[1]))
    try:
        with raised_file_limit(before[0]) as limit:
            assert limit == before[0]
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[0]
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == lower
        with raised_file_limit(50) as limit:
            assert limit == lower
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_cpu_time_of_a_command_includes_only_this_command() -> None:
    seconds = start.cpu_seconds(sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass")
    assert seconds == pytest.approx(0.33, abs=0.1)
    with pytest.raises(ServerError, match="ended with 3"):
        start.cpu_seconds(sys.executable, "-c", "raise SystemExit(3)")


def test_measuring_a_sync_takes_time_and_leaves_no_file(tmp_path: Path) -> None:
    assert cpu.sync_seconds(tmp_path) > 0
    assert not list(tmp_path.iterdir())
