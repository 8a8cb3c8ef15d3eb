"""Targets of CPU time and latency: interleaved rounds, in which every row is a new process."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Final

from tests.bench.competitors import BATCH_ENCRYPT, DOWNLOAD_CERTIFICATE, GET_CERTIFICATE, Competitor, Surroundings
from tests.bench.intervals import Interval, of_median
from tests.bench.line_up import competitor
from tests.bench.material import BATCH_ITEMS
from tests.bench.measure import Sample, Turn
from tests.bench.results import LEVEL, Row
from tests.bench.run import Plan, take
from tests.bench.verdicts import Verdict

_SYNCS: Final = 200
_SYNCED_BYTES: Final = 2048
"""Approximate size of two records."""
_PAUSE_SECONDS: Final = 0.001
_HELD: Final = 0.95
"""Share of the planned calls that a generator has to start."""


@dataclass(frozen=True)
class Wanted:
    """A row and the concurrency levels at which it is measured here."""

    competitor: Competitor
    levels: Sequence[int] = (LEVEL,)
    half_load: bool = False


@dataclass
class Measurements:
    """All rows, and the median duration of a sync in each round."""

    rows: dict[str, Row]
    syncs: list[float] = field(default_factory=list)


WANTED: Final[Mapping[str, Wanted]] = {
    "bare": Wanted(competitor("plaintext", "bare")),
    "naive": Wanted(competitor("plaintext", "naive")),
    "echo": Wanted(competitor("plaintext", "echo")),
    "cached": Wanted(competitor("plaintext", "cached")),
    "batch": Wanted(Competitor("batch", "gateway, bare, BatchEncrypt", "gateway", method=BATCH_ENCRYPT), (1,)),
    "full": Wanted(Competitor("full", "gateway, bare, GetCertificate FULL", "gateway", method=GET_CERTIFICATE)),
    "download": Wanted(
        Competitor("download", "gateway, bare, DownloadCertificate", "gateway", method=DOWNLOAD_CERTIFICATE)
    ),
    "everything": Wanted(competitor("tls", "everything"), (1, LEVEL), half_load=True),
    "everything-os": Wanted(competitor("tls", "everything-os"), (1,)),
    "naive-tls": Wanted(competitor("tls", "naive"), (1, LEVEL), half_load=True),
    "openbao-tls": Wanted(competitor("tls", "openbao")),
    "direct-tls": Wanted(competitor("tls", "direct"), (1,)),
}
NAMES: Final = tuple(WANTED)


def measure(
    around: Surroundings, folder: Path, names: Sequence[str], *, rounds: int, seconds: float, half_load: bool = True
) -> Measurements:
    """Take every row once in each round. A different row starts each round. half_load: of the rows that need it."""
    labels = {key: f"{WANTED[key].competitor.label}{', TLS' * WANTED[key].competitor.tls}" for key in names}
    found = Measurements({key: Row(replace(WANTED[key].competitor, label=labels[key])) for key in names})
    folder.mkdir()
    for number in range(rounds):
        shift = number % len(names)
        found.syncs.append(sync_seconds(folder))
        for key in (*names[shift:], *names[:shift]):
            plan = Plan(WANTED[key].levels, seconds, half_load=half_load and WANTED[key].half_load)
            if not found.rows[key].failure:
                take(found.rows[key], plan, around, folder / f"{number}-{key}")
    return found


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


def verdicts(found: Measurements) -> Sequence[Verdict]:
    """The verdicts of measured rows."""
    rows = found.rows
    sync = statistics.median(found.syncs) if found.syncs else 0.0
    return [
        Verdict.of(
            "everything on ÷ OpenBao with audit, TLS: CPU per call",
            _paired(lambda one, other: one.cpu / other.cpu, (rows["everything"], LEVEL), (rows["openbao-tls"], LEVEL)),
            0.4,
            remark=_microseconds(rows, "everything", "openbao-tls"),
        ),
        Verdict.of(
            "durability: os, 1 concurrent: p50 added ÷ p50 added by the naive gateway",
            _added(rows, "everything-os", [0.0] * len(found.syncs)),
            0.8,
            remark=_p50(rows, "everything-os", "naive-tls", "direct-tls"),
        ),
        Verdict.of(
            "durability: fsync, 1 concurrent, less two syncs: p50 added ÷ p50 added by the naive gateway",
            _added(rows, "everything", [2 * seconds for seconds in found.syncs]),
            1.0,
            remark=f"{_p50(rows, 'everything', 'naive-tls', 'direct-tls')}; a sync takes {sync * 1e3:.2f} ms",
        ),
        _half_load(rows["everything"], rows["naive-tls"]),
        Verdict.of(
            f"BatchEncrypt of {BATCH_ITEMS}: CPU per item ÷ single call",
            _paired(lambda one, other: one.cpu / BATCH_ITEMS / other.cpu, (rows["batch"], 1), (rows["bare"], LEVEL)),
            0.15,
            remark=_batch(rows["batch"], rows["bare"]),
        ),
    ]


def _batch(batch: Row, bare: Row) -> str:
    if not batch.turns or not bare.turns:
        return ""
    total, system = (
        (batch.median(attrgetter(name), 1) / BATCH_ITEMS, bare.median(attrgetter(name)))
        for name in ("cpu", "system_cpu")
    )
    return f"{total[0]:.0f} and {total[1]:.0f} µs; system time {system[0]:.0f} and {system[1]:.0f} µs"


def _half_load(everything: Row, naive: Row) -> Verdict:
    turns = list(zip(everything.turns, naive.turns, strict=False))
    pairs = [(_at_half_load(one), _at_half_load(other)) for one, other in turns]
    ratios = [one.p99 / other.p99 for one, other in pairs if one is not None and other is not None]
    what = "p99 at half of saturation: everything on ÷ naive gateway at half of its own, TLS"
    remark = f"the generator kept the rate in {len(ratios)} of {len(turns)} rounds"
    return Verdict.of(what, of_median(ratios), 1.2, remark=remark)


def _at_half_load(turn: Turn) -> Sample | None:
    """The measurement at a fixed rate, if the generator kept it."""
    return next((one for one in turn.samples if one.offered_rate and one.rate > _HELD * one.offered_rate), None)


def _added(rows: Mapping[str, Row], name: str, less: Sequence[float]) -> Interval:
    """Latency that a row adds to a direct call, relative to what the naive gateway adds. less: per round."""
    of_rows = [rows[key].samples(1) for key in (name, "naive-tls", "direct-tls")]
    rounds = zip(*of_rows, less, strict=False)
    return of_median([(one.p50 - direct.p50 - own) / (naive.p50 - direct.p50) for one, naive, direct, own in rounds])


def _paired(how: Callable[[Sample, Sample], float], one: tuple[Row, int], other: tuple[Row, int]) -> Interval:
    """The interval of a comparison within rounds, of two rows at their levels."""
    pairs = zip(one[0].samples(one[1]), other[0].samples(other[1]), strict=False)
    return of_median([how(sample, another) for sample, another in pairs])


def _microseconds(rows: Mapping[str, Row], one: str, other: str) -> str:
    values = [rows[name].median(attrgetter("cpu")) for name in (one, other)]
    return f"{values[0]:.0f} and {values[1]:.0f} µs" if rows[one].turns and rows[other].turns else ""


def _p50(rows: Mapping[str, Row], *names: str) -> str:
    values = [rows[name].median(attrgetter("p50"), 1) * 1e3 for name in names]
    return "p50 {:.2f}, {:.2f}, and direct {:.2f} ms".format(*values)
