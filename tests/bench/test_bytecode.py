"""The bytecode profile of a server: the counts of its functions, and their table."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.bench import tools
from tests.bench.bytecode import table

PROGRAM = """
import sys

def work():
    return sum(number for number in range(10))

print("ready", flush=True)
while sys.stdin.readline():
    work()
    print("done", flush=True)
"""


def test_instructions_are_counted_between_the_signals(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    output = tmp_path / "counts.json"
    command = (sys.executable, "-m", "tests.bench.traced", output, sys.executable, "-m", "program")
    environment = {**os.environ, "PYTHONPATH": f"{tools.ROOT}{os.pathsep}{tmp_path}"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def call() -> None:
            assert process.stdin is not None
            assert process.stdout is not None
            print(file=process.stdin, flush=True)
            assert process.stdout.readline() == "done\n"

        assert process.stdout.readline() == "ready\n"
        call()
        process.send_signal(signal.SIGUSR1)
        for _ in range(4):
            call()
        process.send_signal(signal.SIGUSR2)
        call()
        process.stdin.close()
    counted = {name.rpartition(": ")[2]: (number, calls) for name, number, calls in json.loads(output.read_text())}
    number, calls = counted["work"]
    assert calls in {3, 4, 5}  # the handler of a signal runs at the next bytecode instruction
    assert number > 5 * calls
    assert counted["work.<locals>.<genexpr>"][1] == 11 * calls


def test_table_has_the_figures_of_one_call() -> None:
    assert table([("a.py: f", 2000, 400), ("b.py: g", 1000, 200)], 1) == [
        "| function | bytecode instructions per call | entered per call |",
        "| --- | ---: | ---: |",
        "| all | 15 | 3 |",
        "| `a.py: f` | 10 | 2.0 |",
    ]
