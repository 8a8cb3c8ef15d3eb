"""CPU time and memory of real processes are read correctly."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.bench import accounting

# The child works and reports it. Then its parent works.
_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
child.stdout.readline()
block = bytearray(50_000_000)
while time.process_time() < 0.2: pass
print("done", flush=True)
sys.stdin.read()
child.stdin.close()
child.wait()
"""
_CHILD = """
import sys, time
while time.process_time() < 0.3: pass
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def busy() -> Iterator[int]:
    """Process ID of a process that used 0.2 s of CPU, with a child that used 0.3 s."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        yield process.pid


def test_usage_counts_a_process_and_its_child_separately(busy: int) -> None:
    usage = accounting.usage(busy)
    assert usage.main == pytest.approx(0.2, abs=0.08)
    assert usage.helpers == pytest.approx(0.3, abs=0.08)
    assert usage.total == usage.main + usage.helpers


# The child calls the kernel most of the time. Then its parent calculates.
_CALLING_PARENT = """
import subprocess, sys, time
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
while time.process_time() < 0.3: pass
both = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
print(sum(one.ru_stime for one in both), sum(one.ru_utime for one in both), flush=True)
sys.stdin.read()
"""
_CALLING_CHILD = """
import resource
block, zero = bytearray(1 << 20), open("/dev/zero", "rb", buffering=0)
while resource.getrusage(resource.RUSAGE_SELF).ru_stime < 0.3: zero.readinto(block)
"""


def test_system_time_is_the_part_of_the_kernel() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _CALLING_PARENT, _CALLING_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        system, user = map(float, process.stdout.readline().split())
        usage = accounting.usage(process.pid)
    assert system > 0.3
    assert usage.system == pytest.approx(system, abs=0.05)
    assert usage.total == pytest.approx(system + user, abs=0.05)
    assert usage.since(accounting.Usage(0.1, 0.1, 0.1)).system == pytest.approx(usage.system - 0.1)


def test_usage_is_read_per_thread(busy: int) -> None:
    ((number, (_, seconds)),) = accounting.threads(busy).items()
    assert number == busy
    assert seconds == pytest.approx(0.2, abs=0.08)


def test_peak_memory_includes_the_child(busy: int) -> None:
    assert 50_000_000 < accounting.peak_memory(busy) < 150_000_000


def test_a_process_name_with_parentheses_is_parsed() -> None:
    stat = "7 (a) S (b) R 3 " + " ".join(str(number) for number in range(5, 53))
    ticks = os.sysconf("SC_CLK_TCK")
    parsed = accounting._parse(stat)
    assert (parsed.parent, parsed.system, parsed.ended_children_system) == (3, 15 / ticks, 17 / ticks)
    assert (parsed.own, parsed.ended_children) == pytest.approx(((14 + 15) / ticks, (16 + 17) / ticks))


def test_machine_usage_is_at_least_the_usage_of_this_process(busy: int) -> None:
    assert accounting.machine_busy() > accounting.usage(busy).total
