"""The results of the soak test and their verdicts. Does not know how they are measured."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from tests.bench import tools
from tests.bench.callers import GIVEN_UP
from tests.bench.resource_usage import ResourceUsage
from tests.bench.verdicts import Verdict

_GRPCS_THREADS: Final = 4
"""Allowed difference in threads of a process: gRPC's pool grows with load and shrinks later."""
_LONG_SECONDS: Final = 3000.0
_DRIFT: Final = 5.0
_DRIFT_OF_LONG_RUN: Final = 2.0
"""Percent. In a short run, the memory still grows after the start."""
_STATUSES: Final = frozenset({code.name for code in grpc.StatusCode} | {GIVEN_UP})


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of a process after the warm-up and at the end. curve: medians of equal parts of the time."""

    name: str
    early: float
    late: float
    curve: Sequence[float] = ()


@dataclass
class SoakResults:
    """Results. steady: calls to the working provider. most: the highest throughput, in calls per second. ended: results
    of the other calls by code. late: calls that ended long after their deadline. before, after, memory: by process ID.
    """

    steady: int
    most: float
    lost: int
    late: int
    ended: Counter[str]
    before: Mapping[int, ResourceUsage]
    after: Mapping[int, ResourceUsage]
    memory: Mapping[int, Memory]
    seconds: float


def verify(folder: Path) -> dict[str, Any]:
    """The report of `audit verify`."""
    command = (sys.executable, "-m", "gateway", "audit", "verify", "--json", str(folder / "journal"))
    done = subprocess.run(command, cwd=tools.ROOT, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def verdicts(found: SoakResults, journal: dict[str, Any]) -> Sequence[Verdict]:
    """Verdicts on the results."""
    return [*_calls(found), *_memory(found), *_resources(found), *_journal(found, journal)]


def _calls(found: SoakResults) -> Iterator[Verdict]:
    foreign = sum(count for code, count in found.ended.items() if code not in _STATUSES)
    statuses = ", ".join(f"{code} {count:,}" for code, count in found.ended.most_common())
    total = found.steady + found.ended.total()
    yield Verdict(
        "calls that ended without a status",
        found.lost + foreign,
        0,
        remark=f"of {found.steady:,} to the working provider, all OK, and {found.ended.total():,}: {statuses}; "
        f"{total / found.seconds:.0f} calls/s for {found.seconds:.0f} s, of {found.most:.0f} calls/s at most",
    )
    yield Verdict("calls that ended more than a second after their deadline", found.late, 0)


def _memory(found: SoakResults) -> Iterator[Verdict]:
    bound = _DRIFT_OF_LONG_RUN if found.seconds >= _LONG_SECONDS else _DRIFT
    for one in found.memory.values():
        yield Verdict(
            f"{one.name}: drift of the resident memory from after the warm-up to the end",
            (one.late / one.early - 1) * 100,
            bound,
            "%",
            remark=f"{one.early / 2**20:.1f} and {one.late / 2**20:.1f} MiB",
        )


def _resources(found: SoakResults) -> Iterator[Verdict]:
    changed = found.before.keys() ^ found.after.keys()
    names = ", ".join(one.name for one in found.before.values())
    yield Verdict("processes that ended or were replaced", len(changed), 0, remark=names)
    pairs = [(old, found.after[pid]) for pid, old in found.before.items() if pid in found.after]
    yield Verdict(
        "files and connections not released",
        # Of all processes: an idle connection of one worker can end while another worker opens one.
        sum(new.files - old.files for old, new in pairs),
        0,
        remark="; ".join(f"{old.name} {old.files} before, {new.files} after" for old, new in pairs),
    )
    yield Verdict(
        "tasks and futures not released",
        sum(max(0, new.pending.total() - old.pending.total()) for old, new in pairs),
        0,
        remark="; ".join(_tasks(old, new) for old, new in pairs),
    )
    yield Verdict(
        "additional threads of a process",
        max((new.threads - old.threads for old, new in pairs), default=0),
        _GRPCS_THREADS,
        remark="; ".join(f"{old.name} {old.threads} before, {new.threads} after" for old, new in pairs),
    )


def _tasks(old: ResourceUsage, new: ResourceUsage) -> str:
    more = dict(new.pending - old.pending)
    return f"{old.name} {old.pending.total()} before, {new.pending.total()} after{f': {more} more' if more else ''}"


def _journal(found: SoakResults, journal: dict[str, Any]) -> Iterator[Verdict]:
    chains = journal["chains"]
    outcomes, open_calls = sum(chain["outcomes"] for chain in chains), sum(len(chain["open"]) for chain in chains)
    yield Verdict(
        "journal: verification problems and calls without an outcome",
        (0 if journal["good"] else 1) + open_calls,
        0,
        remark=f"{sum(chain['records'] for chain in chains):,} records of {len(chains)} chains, {outcomes:,} outcomes",
    )
    answered = found.steady + found.ended["OK"]
    yield Verdict("journal: outcomes per answered call", outcomes / answered, 1.0, "×", at_least=True)
