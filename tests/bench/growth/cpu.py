"""CPU time of work in this process."""

import statistics
import time
from collections.abc import Callable
from typing import Final

_ROUNDS: Final = 15
_SHARES: Final = 50


def measure(work: Callable[[], object], seconds: float) -> float:
    """Return the CPU time of one run in µs: the median over several rounds of many runs.

    seconds: about three times the CPU time of all rounds.
    """
    round_seconds = seconds / _SHARES
    runs, spent = 1, _time(work, 1)
    while spent < round_seconds:
        runs *= 2
        spent = _time(work, runs)
    return statistics.median(_time(work, runs) / runs for _ in range(_ROUNDS)) * 1e6


def _time(work: Callable[[], object], runs: int) -> float:
    began = time.process_time()
    for _ in range(runs):
        work()
    return time.process_time() - began


class Stopwatch:
    """`with Stopwatch() as watch: …`. seconds: CPU time of all threads of this process."""

    seconds = 0.0

    def __enter__(self) -> "Stopwatch":
        self._began = time.process_time()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.seconds = time.process_time() - self._began
