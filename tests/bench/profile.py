"""Where a call's time goes: `make profile` samples the gateway under load with py-spy.

Prints the functions with the most time of their own, and writes a flame graph. What grpc and uvloop do in C has no
frame of its own and shows at `Runner.run`; `perf record -e cpu-clock -g -p PID` tells those apart.
"""

import argparse
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.bench import tools
from tests.bench.generators import H2load
from tests.bench.line_up import SETS
from tests.bench.processes import Server
from tests.bench.run import scratch, surroundings
from tests.bench.target import Target

_LEVEL: Final = 64
_LINE: Final = re.compile(r":\d+\)$")
_IDLE: Final = "Thread.run (threading.py"
"""gRPC's thread that waits for events: py-spy takes its waiting for work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile one row of a set."""
    given = _parser().parse_args(arguments)
    competitor = next((one for one in SETS[given.set] if one.name == given.competitor), None)
    if competitor is None:
        print(f"profile: {given.set} has {', '.join(one.name for one in SETS[given.set])}", file=sys.stderr)
        return 2
    try:
        h2load = H2load(tools.find().h2load)
        with scratch() as folder, surroundings(folder, given.root.resolve()) as around:
            (own := folder / "own").mkdir()
            with competitor.running(around, own) as (server, target):
                h2load.run(target, _LEVEL, 1.0)
                stacks = _sampled(server, target, h2load, given.seconds, "raw", folder / "stacks").read_text()
                _sampled(server, target, h2load, given.seconds, "flamegraph", given.output)
    except tools.MissingToolError as error:
        print(f"profile: {error}", file=sys.stderr)
        return 2
    print("\n".join(summary(stacks.splitlines(), given.top)))
    print(f"profile: the flame graph is in {given.output}", file=sys.stderr)
    return 0


def _sampled(server: Server, target: Target, load: H2load, seconds: float, form: str, output: Path) -> Path:
    command = [str(tools.py_spy()), "record", f"--pid={server.pid}", f"--format={form}", f"--output={output}"]
    command += [f"--duration={round(seconds)}", "--rate=400", "--threads"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recorder:
        load.run(target, _LEVEL, seconds + 1)
        recorder.wait()
    return output


def summary(stacks: Iterable[str], top: int) -> list[str]:
    """The functions with the most time of their own, then those with the most in all, as shares."""
    own: Counter[str] = Counter()
    in_all: Counter[str] = Counter()
    for line in stacks:
        frames_text, _, count = line.rpartition(" ")
        if _IDLE in frames_text:
            continue
        frames = [_LINE.sub(")", frame) for frame in frames_text.split(";")]
        own[frames[-1]] += int(count)
        in_all.update(dict.fromkeys(frames, int(count)))
    whole = own.total()
    parts = (("time of its own", own), ("with what it calls", in_all))
    return [
        line
        for title, counts in parts
        for line in (f"{title}:", *(f"{100 * n / whole:6.1f} % {name}" for name, n in counts.most_common(top)))
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make profile", description="Where a call's time goes.")
    add = parser.add_argument
    add("--set", choices=tuple(SETS), default="plaintext")
    add("--competitor", default="bare", help="a row of the set")
    add("--seconds", type=float, default=8.0)
    add("--top", type=int, default=25, help="functions to print")
    add("--root", type=Path, default=tools.ROOT, help="another working tree, whose gateway is profiled")
    add("--output", type=Path, default=tools.BUILD / "profile.svg")
    return parser


if __name__ == "__main__":
    sys.exit(main())
