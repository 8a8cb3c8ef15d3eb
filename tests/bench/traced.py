"""A server that counts the bytecode instructions of each Python function, for `bytecode.py`.

`python -m tests.bench.traced FILE python -m gateway …` runs the module in this process. SIGUSR1 starts the count, and
SIGUSR2 ends it and writes the result to FILE as JSON.
"""

import json
import os
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.bench import tools

_instructions: Counter[CodeType] = Counter()
_calls: Counter[CodeType] = Counter()


def _in_function(frame: FrameType, event: str, _argument: Any) -> Any:
    if event == "opcode":
        _instructions[frame.f_code] += 1
    return _in_function


def _on_call(frame: FrameType, _event: str, _argument: Any) -> Any:
    _calls[frame.f_code] += 1
    frame.f_trace_opcodes, frame.f_trace_lines = True, False
    return _in_function


def _write(path: Path) -> None:
    sys.settrace(None)
    found = [(_name(code), number, _calls[code]) for code, number in _instructions.most_common()]
    written = path.with_suffix(".new")
    written.write_text(json.dumps(found))
    written.replace(path)


def _name(code: CodeType) -> str:
    path = code.co_filename
    for folder in (f"{tools.ROOT}{os.sep}", f"site-packages{os.sep}", f"{os.path.dirname(os.__file__)}{os.sep}"):
        path = path.rpartition(folder)[2]
    return f"{path}: {code.co_qualname}"


def main() -> None:
    """Run a module, given as the command that would run it."""
    output, _, option, module, *arguments = sys.argv[1:]
    assert option == "-m"
    signal.signal(signal.SIGUSR1, lambda *_: sys.settrace(_on_call))
    signal.signal(signal.SIGUSR2, lambda *_: _write(Path(output)))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
