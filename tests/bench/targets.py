"""The performance targets: which rows are measured for them, and the verdicts.

Only the rows that the targets need are measured, each in every round, so that the run takes less than ten minutes.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Final

from tests.bench import dead_provider, tools
from tests.bench.competitors import BATCH_ENCRYPT, Competitor, Surroundings
from tests.bench.generators import LoadError
from tests.bench.line_up import SETS
from tests.bench.material import BATCH_ITEMS
from tests.bench.measure import Sample
from tests.bench.processes import ServerError
from tests.bench.results import LEVEL, Row, Rows
from tests.bench.run import Plan, take
from tests.bench.verdicts import Verdict

_NAN: Final = float("nan")
_SYNCS: Final = 200
_SYNCED_BYTES: Final = 2048
"""Approximate size of two records."""
_PAUSE_SECONDS: Final = 0.001
_DEAD_ROUNDS: Final = 2


@dataclass(frozen=True)
class _Wanted:
    """A row of the line-up and the concurrency levels at which it is measured here."""

    competitor: Competitor
    levels: Sequence[int] = (LEVEL,)
    half_load: bool = False


def _from(set_name: str, name: str) -> Competitor:
    return next(one for one in SETS[set_name] if one.name == name)


WANTED: Final[Mapping[str, _Wanted]] = {
    "bare": _Wanted(_from("plaintext", "bare")),
    "naive": _Wanted(_from("plaintext", "naive")),
    "echo": _Wanted(_from("plaintext", "echo")),
    "cached": _Wanted(_from("plaintext", "cached")),
    "workers": _Wanted(_from("plaintext", "workers")),
    "batch": _Wanted(Competitor("batch", "gateway, bare, BatchEncrypt", "gateway", method=BATCH_ENCRYPT), (1,)),
    "trust": _Wanted(_from("trust", "trust")),
    "everything": _Wanted(_from("tls", "everything"), (1, LEVEL), half_load=True),
    "everything-os": _Wanted(_from("tls", "everything-os"), (1,)),
    "naive-tls": _Wanted(_from("tls", "naive")),
    "openbao-tls": _Wanted(_from("tls", "openbao")),
    "direct-tls": _Wanted(_from("tls", "direct"), (1,)),
}


def measure(around: Surroundings, folder: Path, *, rounds: int, seconds: float) -> tuple[Sequence[Verdict], Rows]:
    """The verdicts and the rows that they are based on."""
    rows = {
        key: Row(replace(wanted.competitor, label=f"{wanted.competitor.label}{', TLS' * wanted.competitor.tls}"))
        for key, wanted in WANTED.items()
    }
    syncs = []
    for number in range(rounds):
        keys = list(rows)
        shift = number % len(keys)
        for key in keys[shift:] + keys[:shift]:
            wanted = WANTED[key]
            plan = Plan(wanted.levels, seconds, half_load=wanted.half_load)
            if key == "everything":
                syncs.append(sync_seconds(folder))  # disk latency varies, so measure it shortly before it is used
            if not rows[key].failure:
                take(rows[key], plan, around, folder / f"{number}-{key}")
    return [*of_rows(rows, syncs), *_dead(around, folder, min(rounds, _DEAD_ROUNDS), 2 * seconds)], rows


def sync_seconds(folder: Path) -> float:
    """Median duration of an fdatasync on this disk, each after appending some bytes.

    There is a pause before each sync, as with one call at a time: without pauses, a sync takes little more than half
    of the time.
    """
    path = folder / f"sync-{time.monotonic_ns()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        durations = []
        for number in range(_SYNCS):
            time.sleep(_PAUSE_SECONDS)
            os.pwrite(descriptor, b"x" * _SYNCED_BYTES, number * _SYNCED_BYTES)
            began = time.perf_counter()
            os.fdatasync(descriptor)
            durations.append(time.perf_counter() - began)
        return statistics.median(durations)
    finally:
        os.close(descriptor)
        path.unlink()


def of_rows(rows: Mapping[str, Row], syncs: Sequence[float]) -> Sequence[Verdict]:
    sync = statistics.median(syncs) * 1e3
    bare, everything = rows["bare"], rows["everything"]

    def ratio(one: str, other: str, value: Callable[[Sample], float] = attrgetter("cpu"), level: int = LEVEL) -> float:
        return _paired(rows[one], rows[other], lambda a, b: value(a) / value(b), level)

    def added(row: str) -> float:
        return _paired(rows[row], rows["direct-tls"], lambda a, b: (a.p50 - b.p50) * 1e3, 1)

    def pair(one: str, other: str) -> str:
        return f"{_cpu(rows[one]):.0f} and {_cpu(rows[other]):.0f} µs"

    half = statistics.median([s.p99 for s in everything.samples(LEVEL, offered=True)] or [_NAN]) * 1e3
    held = [s.rate / s.offered_rate for s in everything.samples(LEVEL, offered=True) if s.offered_rate]
    rates = [rows[key].median(attrgetter("rate")) for key in ("workers", "bare")]
    return [
        Verdict(
            "everything on, TLS: CPU per call ÷ OpenBao with audit, TLS",
            ratio("everything", "openbao-tls"),
            1.0,
            remark=pair("everything", "openbao-tls"),
        ),
        Verdict(
            "everything on, TLS: CPU per call ÷ naive gateway, TLS",
            ratio("everything", "naive-tls"),
            0.8,
            remark=pair("everything", "naive-tls"),
        ),
        Verdict("bare: CPU per call ÷ naive gateway", ratio("bare", "naive"), 0.55, remark=pair("bare", "naive")),
        Verdict(
            "GetPublicKey, cached: CPU per call ÷ echo",
            ratio("cached", "echo"),
            1.25,
            remark=pair("cached", "echo"),
        ),
        Verdict(
            "2 workers: calls per CPU second ÷ one worker",
            ratio("bare", "workers"),
            0.92,
            at_least=True,
            remark=f"{pair('workers', 'bare')}; {rates[0]:,.0f} and {rates[1]:,.0f} calls/s in total",
        ),
        Verdict("durability: os: p50 added to a direct call, 1 concurrent", added("everything-os"), 0.6, "ms"),
        Verdict(
            "durability: fsync: p50 added, 1 concurrent",
            added("everything"),
            0.6 + 2 * sync,
            "ms",
            remark=f"0.6 ms and two fdatasyncs of {sync:.2f} ms",
        ),
        Verdict(
            "everything on: p99 at half of the highest throughput",
            half,
            5.0,
            "ms",
            remark=f"{statistics.median(held):.0%} of the planned calls were started" if held else "",
        ),
        Verdict(
            f"BatchEncrypt of {BATCH_ITEMS}: CPU per item ÷ single call",
            _item_share(rows["batch"], bare),
            0.5,
            remark=f"{_cpu(rows['batch'], 1) / BATCH_ITEMS:.0f} and {_cpu(bare):.0f} µs",
        ),
        Verdict(
            "identity, policy, and audit with fsync: CPU added to bare",
            _paired(rows["trust"], bare, lambda a, b: a.cpu - b.cpu),
            80.0,
            "µs",
            remark=pair("trust", "bare"),
        ),
    ]


def _cpu(row: Row, level: int = LEVEL) -> float:
    return row.median(attrgetter("cpu"), level)


def _paired(row: Row, other: Row, how: Callable[[Sample, Sample], float], level: int = LEVEL) -> float:
    """Median of the comparisons within rounds."""
    pairs = zip(row.samples(level), other.samples(level), strict=False)
    return statistics.median([how(one, another) for one, another in pairs] or [_NAN])


def _item_share(batch: Row, single: Row) -> float:
    pairs = zip(batch.samples(1), single.samples(LEVEL), strict=False)
    return statistics.median([one.cpu / BATCH_ITEMS / other.cpu for one, other in pairs] or [_NAN])


def _dead(around: Surroundings, folder: Path, rounds: int, seconds: float) -> Sequence[Verdict]:
    try:
        return dead_provider.measure(around, folder / "dead", rounds=rounds, seconds=seconds)
    except (ServerError, LoadError, tools.MissingToolError) as error:
        print(f"a failing provider: {error}", file=sys.stderr)
        return [Verdict("one of three providers fails", _NAN, _NAN, remark=str(error).splitlines()[0][:80])]
