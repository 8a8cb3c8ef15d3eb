"""Targets for servers in Python: instructions per call, with the system time per call beside them.

Instructions do not depend on the load of the machine, but callgrind does not count the kernel.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from pathlib import Path
from typing import Final

from tests.bench.competitors import Surroundings
from tests.bench.instructions import AT_ONCE, count
from tests.bench.intervals import of_ratio
from tests.bench.results import Rows
from tests.bench.targets import cpu
from tests.bench.verdicts import Verdict

Counts = Mapping[str, Sequence[float]]

ROWS: Final = ("everything", "naive-tls", "bare", "naive", "cached", "echo", "full", "download")


def measure(around: Surroundings, folder: Path, rows: Rows, processes: int) -> Sequence[Verdict]:
    """Count in several processes of each server. rows: CPU time, for the system time."""
    jobs = [(name, number) for number in range(processes) for name in ROWS]

    def one(job: tuple[str, int]) -> tuple[str, Sequence[float]]:
        name, number = job
        wanted = cpu.WANTED[name].competitor
        return name, count(wanted, around, folder / f"{name}-{number}").per_call

    counts: dict[str, list[float]] = {name: [] for name in ROWS}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, per_call in pool.map(one, jobs):
            counts[name] += per_call
            print(f"{name}: {_thousands(per_call)} thousand instructions per call", file=sys.stderr, flush=True)
    return verdicts(counts, rows)


def verdicts(counts: Counts, rows: Rows) -> Sequence[Verdict]:
    """The verdicts of measured instructions per call."""

    def verdict(what: str, one: str, other: str, bound: float) -> Verdict:
        remark = f"{_thousands(counts[one])} and {_thousands(counts[other])} thousand"
        return Verdict.of(what, of_ratio(counts[one], counts[other]), bound, remark=remark + _system(rows, one, other))

    return [
        verdict("everything on ÷ naive gateway, TLS: instructions per call", "everything", "naive-tls", 0.8),
        verdict("bare ÷ naive gateway: instructions per call", "bare", "naive", 0.55),
        verdict("GetPublicKey, cached ÷ echo: instructions per call", "cached", "echo", 1.15),
        verdict("GetCertificate FULL ÷ DownloadCertificate: instructions per call", "full", "download", 1.5),
    ]


def _thousands(values: Sequence[float]) -> str:
    return f"{statistics.median(values) / 1000:,.0f}" if values else "–"


def _system(rows: Rows, one: str, other: str) -> str:
    found = [_system_time(rows, name) for name in (one, other)]
    return f"; system time {found[0]:.0f} and {found[1]:.0f} µs" if None not in found else ""


def _system_time(rows: Rows, name: str) -> float | None:
    row = rows.get(name)
    return row.median(attrgetter("system_cpu"), cpu.WANTED[name].levels[-1]) if row is not None and row.turns else None
