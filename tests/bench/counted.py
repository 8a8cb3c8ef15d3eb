"""Another Python program, which tells how many tasks and objects it has: `python -m tests.bench.counted FILE MODULE …`.

With SIGUSR1 it writes them to the file, as JSON. Nobody else can see into a running program.
"""

import asyncio
import gc
import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType, GeneratorType
from typing import Any


def tell(path: Path) -> None:
    """What there is after the garbage collector has been everywhere, also where it was told not to look."""
    gc.unfreeze()
    gc.collect()
    objects = gc.get_objects()
    pending = Counter(_name(one) for one in objects if isinstance(one, asyncio.Future) and not one.done())
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"pending": pending, "objects": len(objects)}))
    draft.replace(path)
    gc.freeze()


def _name(waiting: "asyncio.Future[Any]") -> str:
    """What a task does; a future only waits, and is known by who holds it."""
    if isinstance(waiting, asyncio.Task):
        return getattr(waiting.get_coro(), "__qualname__", "task")
    holders = {
        getattr(holder, "__qualname__", type(holder).__qualname__)
        for holder in gc.get_referrers(waiting)
        if not isinstance(holder, FrameType | GeneratorType | list)  # those of this program
    }
    return f"future held by {', '.join(sorted(holders)) or 'nobody'}"


if __name__ == "__main__":
    destination = Path(sys.argv[1])
    signal.signal(signal.SIGUSR1, lambda _number, _frame: tell(destination))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
