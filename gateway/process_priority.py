"""The priority of background processes, so that calls take precedence if the CPUs are busy."""

import contextlib
import os


def lower_priority(niceness: int, *, batch: bool = False) -> None:
    """Lower the priority of this process, if the system permits it. Service managers and containers can forbid it.

    batch: also use the scheduling policy for batch processes, if the system has one.
    """
    with contextlib.suppress(OSError):
        os.nice(niceness)
    if batch and hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
