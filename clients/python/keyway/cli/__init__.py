"""The command line `keyway`. Needs the package's extra `cli`.

`main` is what runs; its commands stand in one module for each group, and what they share in modules of its own.
"""

import os
import signal
import sys
from importlib.util import find_spec
from typing import NoReturn

_PACKAGES = ("click", "rich", "cryptography")


def main() -> NoReturn:
    """Run one command of this process's arguments, and end with its exit code."""
    if any(find_spec(package) is None for package in _PACKAGES):
        sys.exit(
            "keyway: the command line needs more packages: pip install './clients/python[cli]' in Keyway's repository"
        )
    # Before gRPC is there: what its core logs of a lost connection says nothing that the error does not.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # An end like any other: unfinished files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    from keyway.cli.app import run  # noqa: PLC0415 - its packages may not be there

    sys.exit(run(sys.argv[1:]))
