"""Standard streams that are closed when the process starts.

Python then has None in `sys.stdin`, `sys.stdout`, or `sys.stderr`. Moreover, the next file or socket that the process
opens gets the free number, so a child process would take it for its standard stream.
"""

import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed_streams() -> None:
    """Connect each closed standard stream to /dev/null. Call this before anything else opens a file."""
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            stream = open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
