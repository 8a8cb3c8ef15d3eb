"""User-space instructions per call, counted by callgrind: a measure that does not depend on the load of the machine.

Measurements of one server repeat within about 2 %, while its CPU time varies by a tenth and more. To that end, the
threads of the server run in turn, and Python's hashes have a fixed seed. Work that a server
does every second, such as signing a checkpoint, is measured by calls at a low rate and subtracted: under callgrind, a
second has only some dozens of calls.

Three things are not counted: the kernel, the helper processes, and what only real hardware does. In particular,
valgrind's processor has no SHA extensions, so hashing takes about ten times the instructions.
"""

import os
import re
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final

import grpc

from tests.bench import tools
from tests.bench.competitors import Competitor, Surroundings
from tests.bench.probe import channel, probe
from tests.bench.processes import Server, ServerError
from tests.bench.target import Target

_START_SECONDS: Final = 480.0
"""A server starts 10 to 20 times as slowly as otherwise, and the machine can be busy."""
_CALLGRIND: Final = ("--tool=callgrind", "--instr-atstart=no", "--fair-sched=yes")
_ENVIRONMENT: Final = {"PYTHONHASHSEED": "0"}
_CALL_SECONDS: Final = 240.0
AT_ONCE: Final = 2
"""Servers that are counted at the same time."""
_SETTLING_CALLS: Final = 20
"""Calls after counting begins and before the first measurement: callgrind translates all code once more."""
_PAUSE_SECONDS: Final = 0.2
_SUM: Final = re.compile(r"^(?:summary|totals): (\d+)$", re.MULTILINE)
_POSITIONS: Final = frozenset("0123456789+-*")
_NAME: Final = re.compile(r"\((\d+)\)(?: (.*))?")


@dataclass(frozen=True, slots=True)
class Plan:
    """warm_up: calls before counting. calls: per measurement. rounds: measurements of one process. slow_calls: of the
    measurement with pauses, which have to be several times as long as a call.
    """

    warm_up: int = 150
    calls: int = 300
    rounds: int = 3
    slow_calls: int = 40


@dataclass(frozen=True, slots=True)
class Instructions:
    """per_call: of each measurement. per_second: work that does not depend on calls. by_library: per call of one
    measurement, by the path of the library, with the work per second.
    """

    per_call: Sequence[float]
    per_second: float
    by_library: Mapping[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Median of the measurements."""
        return statistics.median(self.per_call)

    @property
    def spread(self) -> float:
        """Difference between the highest and the lowest measurement, relative to the median."""
        return (max(self.per_call) - min(self.per_call)) / self.median


def count(competitor: Competitor, around: Surroundings, folder: Path, plan: Plan | None = None) -> Instructions:
    """Start the server under callgrind and make calls one after another. Raises ServerError or WrongAnswerError."""
    plan = plan or Plan()
    folder.mkdir(parents=True)
    wrapper = (tools.valgrind(), *_CALLGRIND, f"--callgrind-out-file={folder / 'counts'}")
    started = competitor.running(around, folder, wrapper, start_seconds=_START_SECONDS, environment=_ENVIRONMENT)
    with started as (server, target):
        probe(target, _CALL_SECONDS)
        callgrind = _Callgrind(server, folder)
        with channel(target) as connection:
            caller = Caller(connection, target)
            caller.call(plan.warm_up)
            callgrind.start()
            caller.call(_SETTLING_CALLS)
            callgrind.reset()
            fast = [_measured(callgrind, partial(caller.call, plan.calls), plan.calls) for _ in range(plan.rounds)]
            of_libraries = callgrind.by_library()
            slow = _measured(callgrind, partial(caller.call, plan.slow_calls, _PAUSE_SECONDS), plan.slow_calls)
        probe(target, _CALL_SECONDS)
    return replace(separated(fast, slow), by_library={path: n / plan.calls for path, n in of_libraries.items()})


@dataclass(frozen=True, slots=True)
class Measured:
    """A number of calls, the seconds that they took, and the instructions in this time."""

    calls: int
    seconds: float
    instructions: int


def separated(fast: Sequence[Measured], slow: Measured) -> Instructions:
    """Separate the work per call from the work per second, by measurements with different rates of calls."""
    middle = sorted(fast, key=attrgetter("instructions"))[len(fast) // 2]
    per_second = (slow.instructions * middle.calls - middle.instructions * slow.calls) / (
        slow.seconds * middle.calls - middle.seconds * slow.calls
    )
    return Instructions([(one.instructions - per_second * one.seconds) / one.calls for one in fast], per_second)


def _measured(callgrind: "_Callgrind", run: Callable[[], None], calls: int) -> Measured:
    began = time.monotonic()
    run()
    return Measured(calls, time.monotonic() - began, callgrind.read())


class Caller:
    """A client that makes the call of a target one after another."""

    def __init__(self, connection: grpc.Channel, target: Target) -> None:
        self._method: Callable[..., bytes] = connection.unary_unary(target.path)
        self._body = target.body
        self._metadata = tuple(target.headers.items())

    def call(self, times: int, pause: float = 0.0) -> None:
        """Make calls one after another. pause: seconds after each."""
        for _ in range(times):
            self._method(self._body, timeout=_CALL_SECONDS, metadata=self._metadata)
            time.sleep(pause)


class _Callgrind:
    """The counter of a running server."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._dumps = 0

    def start(self) -> None:
        self._command("--instr=on")

    def reset(self) -> None:
        self._command("--zero")

    def read(self) -> int:
        """Instructions since the last read or reset."""
        self._command("--dump")
        self._dumps += 1
        path = self._folder / f"counts.{self._dumps}"
        deadline = time.monotonic() + _CALL_SECONDS
        while time.monotonic() < deadline and self._server.alive:
            if path.exists() and (found := _SUM.search(path.read_text(errors="replace"))):
                return int(found[1])
            time.sleep(0.02)
        raise ServerError(f"callgrind wrote no counts: {self._server.output_tail()}")

    def by_library(self) -> Mapping[str, int]:
        """The instructions of the last read, by the path of the library."""
        with (self._folder / f"counts.{self._dumps}").open(errors="replace") as lines:
            return by_library(lines)

    def _command(self, option: str) -> None:
        done = subprocess.run(
            [tools.callgrind_control(), option, str(self._server.pid)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        if done.returncode != 0:
            raise ServerError(f"callgrind_control {option}: {done.stderr.strip() or done.stdout.strip()}")


def by_library(lines: Iterable[str]) -> Mapping[str, int]:
    """Add up the counts in an output file of callgrind by library, without those of called functions.

    A line begins with a position and has the count. The line after `calls=` has the count of a called function. A name
    is given once, with a number that stands for it from then on.
    """
    names: dict[str, str] = {}
    found: Counter[str] = Counter()
    library, is_of_callee = "", False
    for line in lines:
        key, is_setting, value = line.rstrip("\n").partition("=")
        if is_of_callee:
            is_of_callee = False
        elif key in ("ob", "cob") and is_setting and (match := _NAME.fullmatch(value)):
            names.setdefault(match[1], match[2] or "")
            library = names[match[1]] if key == "ob" else library
        elif key == "calls" and is_setting:
            is_of_callee = True
        elif line[0] in _POSITIONS:
            found[library] += int(line.split()[1])
    return found
