"""A wrapper that counts the tasks and objects of a Python program: `python -m tests.bench.counted FOLDER MODULE …`.

On SIGUSR1, the program writes the counts as JSON to the file in the folder that is named after its process ID. The
programs that it starts with `sys.executable -m …` do the same.
"""

import asyncio
import gc
import json
import os
import runpy
import shlex
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType, GeneratorType
from typing import Any


def write_counts(path: Path) -> None:
    """Count after a full garbage collection, including objects that were frozen."""
    gc.unfreeze()
    gc.collect()
    objects = gc.get_objects()
    pending = Counter(_name(one) for one in objects if isinstance(one, asyncio.Future) and not one.done())
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"pending": pending, "objects": len(objects)}))
    draft.replace(path)
    gc.freeze()


def counts_file(folder: Path, pid: int) -> Path:
    """The file to which a process writes its counts."""
    return folder / f"{pid}.json"


def wrap_children(folder: Path) -> None:
    """Make `sys.executable` a script, which starts the modules of child processes with this wrapper."""
    script = folder / "python"
    wrapped = shlex.join((sys.executable, "-m", __spec__.name, str(folder)))
    draft = folder / f"python.{os.getpid()}"
    draft.write_text(f'#!/bin/sh\nshift # -m\nexec {wrapped} "$@"\n')
    draft.chmod(0o700)
    draft.replace(script)
    sys.executable = str(script)


def _name(waiting: "asyncio.Future[Any]") -> str:
    """Name of a task by its coroutine; name of a future by the objects that hold it."""
    if isinstance(waiting, asyncio.Task):
        return getattr(waiting.get_coro(), "__qualname__", "task")
    holders = {
        getattr(holder, "__qualname__", type(holder).__qualname__)
        for holder in gc.get_referrers(waiting)
        if not isinstance(holder, FrameType | GeneratorType | list)  # created by this program
    }
    return f"future held by {', '.join(sorted(holders)) or 'nobody'}"


if __name__ == "__main__":
    own = Path(sys.argv[1])
    signal.signal(signal.SIGUSR1, lambda _number, _frame: write_counts(counts_file(own, os.getpid())))
    wrap_children(own)
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
