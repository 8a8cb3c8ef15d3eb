"""The profiler: `make profile` samples the gateway under load with py-spy.

Prints the functions with the most time of their own, and writes a flame graph. C code of grpc and uvloop has no frame
of its own and appears at `Runner.run`; `perf record -e cpu-clock -g -p PID` separates it.
"""

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import accounting, tools
from tests.bench.generators import H2load, LoadError
from tests.bench.line_up import SETS
from tests.bench.probe import WrongAnswerError, probe
from tests.bench.processes import Server, ServerError, leave_nothing_behind
from tests.bench.run import scratch, surroundings
from tests.bench.target import Target

_LEVEL: Final = 64
_LINE: Final = re.compile(r":\d+\)$")
_IDLE: Final = frozenset(
    {
        "Thread.run (threading.py)",
        "Condition.wait (threading.py)",
        "FlushThread._run (gateway/journal/write/flush_thread.py)",
        "FlushBatch.sync (gateway/journal/write/flush_batch.py)",
    }
)
"""Functions in which threads wait: py-spy counts this time as work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile one row of a set."""
    given = _parser().parse_args(arguments)
    competitor = next((one for one in SETS[given.set] if one.name == given.competitor), None)
    if competitor is None:
        print(f"profile: the rows of {given.set} are {', '.join(one.name for one in SETS[given.set])}", file=sys.stderr)
        return 2
    try:
        with scratch() as folder, surroundings(folder, given.root.resolve()) as around:
            (own := folder / "own").mkdir()
            with competitor.running(around, own) as (server, target):
                subject = _Subject(server, target, H2load(tools.find().h2load), given.seconds)
                probe(target)
                threads = subject.threads()
                stacks = subject.sampled("raw", folder / "stacks").read_text()
                subject.sampled("flamegraph", given.output)
    except tools.MissingToolError as error:
        print(f"profile: {error}", file=sys.stderr)
        return 2
    except (ServerError, LoadError, WrongAnswerError) as error:
        print(f"profile: {error}", file=sys.stderr)
        return 1
    print("\n".join((*threads, *summary(stacks.splitlines(), given.top))))
    print(f"profile: the flame graph is in {given.output}", file=sys.stderr)
    return 0


@dataclass(frozen=True)
class _Subject:
    server: Server
    target: Target
    load: H2load
    seconds: float

    def threads(self) -> list[str]:
        """CPU time per call by thread, measured without sampling."""
        self.load.run(self.target, _LEVEL, 1.0)
        before = accounting.threads(self.server.pid)
        calls = self.load.run(self.target, _LEVEL, self.seconds).calls
        costs = [
            ((seconds - before.get(number, ("", 0.0))[1]) / calls * 1e6, number, name)
            for number, (name, seconds) in accounting.threads(self.server.pid).items()
        ]
        shown = [f"{cost:6.1f} µs {name} ({number})" for cost, number, name in sorted(costs, reverse=True) if cost >= 1]
        return ["CPU per call by thread:", *shown]

    def sampled(self, form: str, output: Path) -> Path:
        """The output of py-spy while the load runs."""
        command = [str(tools.py_spy()), "record", f"--pid={self.server.pid}", f"--format={form}", f"--output={output}"]
        command += [f"--duration={round(self.seconds)}", "--rate=400", "--threads"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recorder:
            self.load.run(self.target, _LEVEL, self.seconds + 1)
            recorder.wait()
        return output


def summary(stacks: Iterable[str], top: int) -> list[str]:
    """Shares of time: files and functions by their own time, then functions by total time."""
    files: Counter[str] = Counter()
    own: Counter[str] = Counter()
    in_all: Counter[str] = Counter()
    for line in stacks:
        frames_text, _, count = line.rpartition(" ")
        frames = [_LINE.sub(")", frame) for frame in frames_text.split(";")]
        if frames[-1] in _IDLE:
            continue
        files[_responsible(frames)] += int(count)
        own[frames[-1]] += int(count)
        in_all.update(dict.fromkeys(frames, int(count)))
    whole = own.total()
    parts = (
        ("by file, with standard library time counted for the caller", files),
        ("time of its own", own),
        ("including called functions", in_all),
    )
    return [
        line
        for title, counts in parts
        for line in (f"{title}:", *(f"{100 * n / whole:6.1f} % {name}" for name, n in counts.most_common(top)))
    ]


def _responsible(frames: Sequence[str]) -> str:
    """The file of the innermost function outside the standard library."""
    for frame in reversed(frames):
        file = frame.rpartition("(")[2].rstrip(")")
        if not file.startswith("<") and file.partition("/")[0].removesuffix(".py") not in sys.stdlib_module_names:
            return "C code and event loop" if file == _OUTERMOST else file
    return "threads"


_OUTERMOST: Final = "gateway/__main__.py"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make profile", description="Profile the gateway under load.")
    add = parser.add_argument
    add("--set", choices=tuple(SETS), default="plaintext")
    add("--competitor", default="bare", help="a row of the set")
    add("--seconds", type=float, default=8.0)
    add("--top", type=int, default=25, help="number of functions to print")
    add("--root", type=Path, default=tools.ROOT, help="profile the gateway of another working tree")
    add("--output", type=Path, default=tools.BUILD / "profile.svg")
    return parser


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
