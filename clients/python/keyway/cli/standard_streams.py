"""Standard streams that are closed when the program starts.

Python then has None in `sys.stdin`, `sys.stdout`, or `sys.stderr`, and the next file or socket gets the free number.
"""

import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_RDWR))


def open_closed_streams() -> None:
    """Connect each closed standard stream to /dev/null. Call this before anything else opens a file.

    Reading standard input and writing standard output fail, as they do for other programs, so that no output is lost
    without an error. Messages for standard error are dropped.
    """
    for number, (name, mode, flags) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
