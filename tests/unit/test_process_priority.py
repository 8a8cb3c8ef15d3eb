"""Background processes run with lower priority, and also where the system does not permit that."""

import os
import subprocess
import sys

import pytest

from gateway.process_priority import lower_priority


def test_priority_is_lower_than_before() -> None:
    program = "import os; from gateway.process_priority import lower_priority; before = os.nice(0); "
    program += "lower_priority(5, batch=True); print(os.nice(0) - before, os.sched_getscheduler(0) == os.SCHED_BATCH)"
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["5", "True"]


def test_forbidden_priority_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the system call filter `~@resources` of systemd."""

    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "nice", forbidden)
    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    lower_priority(5, batch=True)
