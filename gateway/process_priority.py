"""The priority of processes that work in the background, so that calls come first if processors are busy."""

import contextlib
import os


def lower_priority(niceness: int, *, batch: bool = False) -> None:
    """Lower the priority of this process, if the system permits it. Service managers and containers can forbid it.

    batch: also tell the scheduler that the process is not interactive, where it knows that.
    """
    with contextlib.suppress(OSError):
        os.nice(niceness)
    if batch and hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
