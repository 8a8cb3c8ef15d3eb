"""CPU time of the start and of short commands, and the memory of an idle gateway."""

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench.competitors import Surroundings
from tests.bench.intervals import of_median
from tests.bench.line_up import competitor
from tests.bench.probe import probe
from tests.bench.processes import ServerError
from tests.bench.resource_usage import resident
from tests.bench.verdicts import Verdict

_EVERYTHING: Final = competitor("tls", "everything")
_BARE: Final = competitor("plaintext", "bare")
_SETTLE_SECONDS: Final = 3.0
_MIB: Final = 2**20


def measure(around: Surroundings, folder: Path, rounds: int) -> Sequence[Verdict]:
    """Start the gateway once per round; run each command once per round."""
    starts, memory, health, version = [], [], [], []
    programs = around.python.parent
    for number in range(rounds):
        (own := folder / f"{number}").mkdir(parents=True)
        with _EVERYTHING.running(around, own) as (server, target):
            probe(target)
            starts.append(server.usage().total)
            time.sleep(_SETTLE_SECONDS)
            memory.append(resident(server.pid) / _MIB)
        (bare := folder / f"{number}-bare").mkdir()
        with _BARE.running(around, bare) as (_, target):
            health.append(cpu_seconds(programs / "keyway-gateway", "health", "--address", f"127.0.0.1:{target.port}"))
        version.append(cpu_seconds(programs / "keyway", "--version"))
    return [
        Verdict.of("memory of an idle worker, everything on, after its first answer", of_median(memory), 70.0, "MiB"),
        Verdict.of("start to first answer, everything on: CPU", of_median(starts), 1.0, "s", remark=_all(starts)),
        Verdict.of("keyway-gateway health: CPU", of_median(health), 0.25, "s"),
        Verdict.of("keyway --version: CPU", of_median(version), 0.15, "s"),
    ]


def cpu_seconds(*command: object) -> float:
    """User and system time of a command. Raises ServerError if it fails."""
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
    )
    assert process.stdout is not None
    output = process.stdout.read()
    process.stdout.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ServerError(f"{command[0]} ended with {process.returncode}: {output.decode(errors='replace')[-300:]}")
    return used.ru_utime + used.ru_stime


def _all(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f} s, median {statistics.median(values):.2f} s"
