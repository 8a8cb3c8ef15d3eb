"""The command line `keyway`. It requires the extra `cli` of the package.

`main` is the entry point. Each group of commands has its own module.
"""

import signal
import sys
from importlib.util import find_spec
from typing import NoReturn

from keyway.cli.interrupts import interruptible
from keyway.cli.standard_streams import open_closed_streams

_PACKAGES = ("click", "rich", "cryptography")


def main() -> NoReturn:
    """Run the command in the arguments of this process, and exit with its exit code."""
    open_closed_streams()
    if any(find_spec(package) is None for package in _PACKAGES):
        sys.exit("keyway: missing packages: run pip install './clients/python[cli]' in the Keyway repository")
    # Exit through the cleanup code, which removes unfinished files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    from keyway.cli.app import run  # noqa: PLC0415 - requires the optional packages

    try:
        with interruptible():
            code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while an error was reported, or the connection was closed
        code = 128 + signal.SIGINT
    sys.exit(code)
