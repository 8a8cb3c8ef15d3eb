"""Medians, comparisons within rounds, and missing measurements are reported correctly."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import plot, profile, results, tables
from tests.bench.line_up import SETS
from tests.bench.measure import Sample, Turn
from tests.bench.results import Row, Rows


def sample(cpu: float, *, concurrency: int = 64, rate: float = 1000.0, p50: float = 0.001) -> Sample:
    return Sample(concurrency, 1000, rate, cpu, 0.0, 10.0, 20.0, p50, 2 * p50, 0.0)


def rows(name: str, **rounds: list[float]) -> Rows:
    """Rows of a set by name, with the CPU time of each round. An empty list means not measured."""
    found = {}
    for competitor in SETS[name]:
        values = rounds.get(competitor.name.replace("-", "_"))
        if values is not None:
            turns = [Turn([sample(cpu, rate=1e6 / cpu)], 2**20) for cpu in values]
            found[competitor.name] = Row(competitor, turns, "" if turns else "it ended with 2: unknown key\nand more")
    return found


def test_comparisons_are_made_within_rounds() -> None:
    """A slow round affects both sides of a comparison."""
    pair = rows("trust", bare=[100.0, 300.0, 110.0], trust=[150.0, 360.0, 165.0])
    assert results.compared(pair["trust"], pair["bare"], lambda one, other: one - other) == 55.0


def test_the_line_on_trust_states_what_each_part_adds() -> None:
    line = tables.trust(
        rows("trust", bare=[100.0], audit=[130.0], policy=[], trust=[170.0], echo=[60.0], echo_tls=[70.0])
    )
    assert "bare 100" in line
    assert "; audit (fsync) +30; " in line
    assert "policy not measured" in line
    assert "TLS alone, measured with the echo, +10" in line
    assert "add 70 µs; the budget is 80 µs." in line
    assert "\n" not in line


def test_tables_state_what_was_not_measured() -> None:
    page = tables.page({"plaintext": rows("plaintext", bare=[], naive=[400.0], direct=[20.0])}, [64])
    assert "not measured: it ended with 2: unknown key |" in page
    assert "| naive gateway: grpc.aio + aiohttp | 400 | 0 | 1.00 | 2,500 |" in page


def test_latency_is_the_time_added_to_a_direct_call() -> None:
    pair = rows("plaintext", bare=[100.0], direct=[20.0])
    pair["bare"].turns[:] = [Turn([sample(100.0, p50=0.005)], 0)]
    assert "| gateway, bare | 4.00 / 8.00 |" in tables.latencies(pair, [64])


def test_each_number_of_concurrent_calls_has_a_line() -> None:
    pair = rows("plaintext", bare=[100.0], naive=[])
    pair["bare"].turns[:] = [Turn([sample(300.0, concurrency=1), sample(100.0)], 2**20)]
    assert tables.by_level(pair).splitlines()[2:] == [
        "| gateway, bare | 1 | 300 | 0 | 1,000 | 1.00 | 2.00 | 1 |",
        "| gateway, bare | 64 | 100 | 0 | 1,000 | 1.00 | 2.00 | 1 |",
    ]


def test_no_latency_is_shown_if_the_rate_was_not_kept() -> None:
    pair = rows("plaintext", bare=[100.0], direct=[20.0])
    fast = Sample(64, 1000, 500.0, 100.0, 0.0, 10.0, 20.0, 0.001, 0.002, 0.0, 500.0)
    pair["bare"].turns[:] = [Turn([sample(100.0), fast], 0)]
    assert tables.latencies(pair, [64]).endswith("| 1.00 / 2.00 |")
    late = Sample(64, 1000, 300.0, 100.0, 0.0, 10.0, 20.0, 0.001, 0.002, 0.0, 500.0)
    pair["bare"].turns[:] = [Turn([sample(100.0), late], 0)]
    assert tables.latencies(pair, [64]).endswith("| – |")


def test_the_result_file_contains_samples_and_medians(tmp_path: Path) -> None:
    results.write(tmp_path / "bench.json", {"trust": rows("trust", bare=[100.0, 120.0], policy=[])}, {"rounds": 2})
    trust = json.loads((tmp_path / "bench.json").read_text())["sets"]["trust"]
    assert trust["bare"]["medians"]["64"]["cpu"] == 110.0
    assert trust["policy"]["failure"].startswith("it ended")


def test_the_plot_is_to_scale() -> None:
    drawn = ElementTree.fromstring(plot.svg({"trust": rows("trust", bare=[100.0], echo=[50.0], policy=[])}))
    bars = [float(bar.attrib["width"]) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert len(bars) == 2
    assert bars[0] == pytest.approx(2 * bars[1], rel=0.01)


def test_a_profile_attributes_time_to_functions() -> None:
    start = "thread (1): MainThread;<module> (gateway/__main__.py:9);run (asyncio/runners.py:118)"
    stacks = [
        f"{start} 40",
        f"{start};serve (gateway/server/pipeline.py:7);dumps (json/__init__.py:3) 30",
        f"{start};serve (gateway/server/pipeline.py:9) 30",
        "thread (2);run (threading.py:4);Thread.run (threading.py:982) 500",
    ]
    lines = profile.summary(stacks, 9)
    assert lines[1:3] == ["  60.0 % gateway/server/pipeline.py", "  40.0 % C code and event loop"]
    assert "  30.0 % serve (gateway/server/pipeline.py)" in lines
    assert "  60.0 % serve (gateway/server/pipeline.py)" in lines
