"""The bytecode profile: which Python functions a call runs, and how many bytecode instructions each of them needs.

`python -m tests.bench.bytecode --set tls --competitor everything`. The counts are exact and repeat, so that small
changes are visible. They do not contain C code: callgrind counts that (see `instructions.py`).
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import tools
from tests.bench.instructions import Caller
from tests.bench.line_up import SETS, competitor
from tests.bench.probe import WrongAnswerError, channel, probe
from tests.bench.processes import Server, ServerError, leave_nothing_behind
from tests.bench.run import scratch, surroundings

_CALLS = 200
_SECONDS = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile one row of a set."""
    given = _parser().parse_args(arguments)
    if given.competitor not in (names := [one.name for one in SETS[given.set]]):
        print(f"bytecode: the rows of {given.set} are {', '.join(names)}", file=sys.stderr)
        return 2
    try:
        found = measure(given.set, given.competitor)
    except tools.MissingToolError as error:
        print(f"bytecode: {error}", file=sys.stderr)
        return 2
    except (ServerError, WrongAnswerError) as error:
        print(f"bytecode: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(found, given.top)))
    return 0


def measure(set_name: str, name: str) -> Sequence[tuple[str, int, int]]:
    """Return the name, the bytecode instructions, and the calls of each function, for `_CALLS` calls of the server."""
    with scratch() as folder, surroundings(folder) as around:
        (own := folder / "own").mkdir()
        output = folder / "counts.json"
        wrapper = (sys.executable, "-m", "tests.bench.traced", output)
        environment = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(tools.ROOT)}
        with competitor(set_name, name).running(around, own, wrapper, environment=environment) as (server, target):
            probe(target)
            with channel(target) as connection:
                caller = Caller(connection, target)
                caller.call(_CALLS)
                os.kill(server.pid, signal.SIGUSR1)
                caller.call(_CALLS)
                os.kill(server.pid, signal.SIGUSR2)
                caller.call(1)  # the handler of a signal runs when the event loop wakes up
            return _read(server, output)


def _read(server: Server, output: Path) -> Sequence[tuple[str, int, int]]:
    deadline = time.monotonic() + _SECONDS
    while not output.exists():
        if time.monotonic() > deadline or not server.alive:
            raise ServerError(f"the server wrote no counts: {server.output_tail()}")
        time.sleep(0.05)
    return [(function, number, calls) for function, number, calls in json.loads(output.read_text())]


def table(found: Sequence[tuple[str, int, int]], top: int) -> list[str]:
    """The functions with the most instructions, per call of the server, as a table in Markdown."""
    whole = sum(number for _, number, _ in found) / _CALLS
    return [
        "| function | bytecode instructions per call | entered per call |",
        "| --- | ---: | ---: |",
        f"| all | {whole:,.0f} | {sum(calls for _, _, calls in found) / _CALLS:,.0f} |",
        *(f"| `{name}` | {number / _CALLS:,.0f} | {calls / _CALLS:.1f} |" for name, number, calls in found[:top]),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.bytecode", description="Count the bytecode instructions of a call by function."
    )
    add = parser.add_argument
    add("--set", choices=tuple(SETS), default="plaintext")
    add("--competitor", default="bare", help="a row of the set")
    add("--top", type=int, default=25, help="number of functions to print")
    return parser


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
