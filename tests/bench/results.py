"""Results of all rounds: medians, comparisons within rounds, and the result file."""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from tests.bench.competitors import Competitor
from tests.bench.measure import Sample, Turn

LEVEL: Final = 64
"""The concurrency at which CPU time is compared."""
_QUIET: Final = 0.05


@dataclass
class Row:
    """The rounds of one competitor. failure: why rounds are missing."""

    competitor: Competitor
    turns: list[Turn] = field(default_factory=list)
    failure: str = ""

    def samples(self, concurrency: int, *, offered: bool = False) -> list[Sample]:
        """One value per round."""
        return [
            sample
            for turn in self.turns
            for sample in turn.samples
            if sample.concurrency == concurrency and (sample.offered_rate is not None) == offered
        ]

    def median(self, value: Callable[[Sample], float], concurrency: int = LEVEL, *, offered: bool = False) -> float:
        """Median over the rounds; NaN without rounds."""
        values = [value(sample) for sample in self.samples(concurrency, offered=offered)]
        return statistics.median(values) if values else float("nan")

    @property
    def levels(self) -> Sequence[int]:
        """The numbers of concurrent calls."""
        return sorted({sample.concurrency for turn in self.turns for sample in turn.samples})

    @property
    def saturation(self) -> float:
        """Highest throughput in calls per second: the median of each round's best level."""
        best = [max(sample.rate for sample in turn.samples) for turn in self.turns]
        return statistics.median(best) if best else float("nan")

    @property
    def memory(self) -> float:
        """Peak memory in bytes over all rounds."""
        return max((turn.memory for turn in self.turns), default=0)


Rows = Mapping[str, Row]


def compared(row: Row, other: Row, how: Callable[[float, float], float]) -> float:
    """Median of a comparison of CPU times within each round."""
    pairs = zip(row.samples(LEVEL), other.samples(LEVEL), strict=False)
    values = [how(one.cpu, another.cpu) for one, another in pairs]
    return statistics.median(values) if values else float("nan")


def foreign(sets: Mapping[str, Rows]) -> float:
    """Processors that other processes used: the median of all measurements."""
    samples = [s for rows in sets.values() for row in rows.values() for turn in row.turns for s in turn.samples]
    return statistics.median(sample.foreign for sample in samples) if samples else 0.0


def is_quiet(sets: Mapping[str, Rows]) -> bool:
    """Whether the machine was otherwise idle."""
    return foreign(sets) <= _QUIET


def write(path: Path, sets: Mapping[str, Rows], settings: Mapping[str, Any], **more: Any) -> None:
    """The results as JSON: every sample, the medians, and additional values by name."""
    document = {
        "format": 1,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "foreign_processors": round(foreign(sets), 3),
        "settings": dict(settings),
        **more,
        "sets": {name: {key: _row(row) for key, row in rows.items()} for name, rows in sets.items()},
    }
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")


def machine() -> dict[str, Any]:
    """The machine and software of the measurement."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": _commit(),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "label": row.competitor.label,
        "generator": row.competitor.generator,
        "failure": row.failure or None,
        "memory": row.memory,
        "saturation": row.saturation if row.turns else None,
        "medians": {level: _medians(row, level) for level in row.levels},
        "rounds": [[asdict(sample) for sample in turn.samples] for turn in row.turns],
    }


_MEDIANS: Final = ("cpu", "system_cpu", "helpers_cpu", "generator_cpu", "upstream_cpu", "rate", "p50", "p99")


def _medians(row: Row, level: int) -> dict[str, float]:
    return {name: row.median(attrgetter(name), level) for name in _MEDIANS if row.samples(level)}


def _processor() -> str:
    lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
