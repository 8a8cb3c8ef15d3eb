"""The instructions of a call by library: `python -m tests.bench.libraries`.

callgrind counts the instructions of every function of the process. Here they are added up by the library that contains
the function. `bytecode.py` shows what the interpreter does with its part.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.bench import page, tables, tools
from tests.bench.competitors import Competitor, Surroundings
from tests.bench.instructions import AT_ONCE, Plan, count
from tests.bench.line_up import competitor
from tests.bench.material import BATCH_ITEMS
from tests.bench.probe import WrongAnswerError
from tests.bench.processes import ServerError, leave_nothing_behind
from tests.bench.run import scratch, surroundings
from tests.bench.targets.cpu import WANTED

_ECHO: Final = competitor("plaintext", "echo")
_ITEM: Final = "item of a batch"
ROWS: Final[Mapping[str, Competitor]] = {
    "echo": _ECHO,
    "echo, uvloop": replace(_ECHO, name="echo-uvloop", uvloop=True),
    "cached": competitor("plaintext", "cached"),
    "naive": competitor("plaintext", "naive"),
    "bare": competitor("plaintext", "bare"),
    _ITEM: WANTED["batch"].competitor,
    "naive, TLS": competitor("tls", "naive"),
    "identity and policy, TLS": competitor("tls", "policy"),
    "everything on, TLS": competitor("tls", "everything"),
}
_PLAN: Final = Plan(warm_up=100, calls=200, slow_calls=30)
_PLAN_OF_BATCHES: Final = Plan(warm_up=3, calls=4, slow_calls=2)
_KINDS: Final[Mapping[str, str]] = {
    "gRPC": r"/cygrpc",
    "event loop in C": r"/uvloop/|/_asyncio\.",
    "HTTP in C": r"/httptools/|/aiohttp/|/multidict/|/yarl/",
    "Protocol Buffers": r"/google/",
    "JSON": r"/orjson/|/_json\.",
    "TLS and hashes": r"/libcrypto|/libssl|/_hashlib\.|/_ssl\.|/cryptography/",
    "libc": r"/libc[.-]|/ld-|/libm[.-]|/libpthread|/libstdc|/libgcc",
    "Python": r"/(?:lib)?python3[^/]*$",
}
"""Kinds of libraries, with a pattern of their paths. A library is of the first kind that matches."""
_OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Counts:
    """Instructions of one call or item. whole: without the work per second, which `by_kind` includes."""

    whole: float
    by_kind: Mapping[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Count the rows and print the table. Exit codes: 0 success, 1 failed measurement, 2 missing tool."""
    given = _parser().parse_args(arguments)
    try:
        found = measure(given.only or tuple(ROWS))
    except tools.MissingToolError as error:
        print(f"libraries: {error}", file=sys.stderr)
        return 2
    except (ServerError, WrongAnswerError) as error:
        print(f"libraries: {error}", file=sys.stderr)
        return 1
    content = f"{tables.about({})}\n\n{table(found)}"
    print(content)
    if given.publish:
        page.publish("libraries", content)
    return 0


def measure(rows: Iterable[str]) -> Mapping[str, Counts]:
    """Count the instructions of rows by name. Two servers run at the same time."""
    for find in (tools.nginx, tools.valgrind, tools.callgrind_control):
        find()

    def one(name: str, around: Surroundings, folder: Path) -> Counts:
        plan, items = (_PLAN_OF_BATCHES, BATCH_ITEMS) if name == _ITEM else (_PLAN, 1)
        found = count(ROWS[name], around, folder / name.replace(" ", "-"), plan)
        print(f"{name}: {found.median / items:,.0f} instructions", file=sys.stderr, flush=True)
        return Counts(found.median / items, kinds({path: n / items for path, n in found.by_library.items()}))

    with scratch() as folder, surroundings(folder) as around, ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(one, name, around, folder) for name in rows}
        return {name: future.result() for name, future in running.items()}


def kinds(by_library: Mapping[str, float]) -> Mapping[str, float]:
    """Add up the counts of libraries of the same kind."""
    found = dict.fromkeys((*_KINDS, _OTHER), 0.0)
    for path, number in by_library.items():
        found[next((kind for kind, pattern in _KINDS.items() if re.search(pattern, path)), _OTHER)] += number
    return found


def table(found: Mapping[str, Counts]) -> str:
    """Return the counts in thousands, with a row for each kind of library, in Markdown."""
    whole = ["all per call, without the work per second", *(f"{one.whole / 1000:,.0f}" for one in found.values())]
    lines = [
        ["thousand instructions", *found],
        ["---", *("---:" for _ in found)],
        *([kind, *(f"{one.by_kind[kind] / 1000:,.0f}" for one in found.values())] for kind in (*_KINDS, _OTHER)),
        whole,
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.libraries", description="Count the machine instructions of a call by library."
    )
    parser.add_argument("--only", nargs="+", choices=tuple(ROWS), help="count only these rows")
    parser.add_argument("--publish", action="store_true", help="write the table into docs/performance.md")
    return parser


if __name__ == "__main__":
    leave_nothing_behind()
    sys.exit(main())
