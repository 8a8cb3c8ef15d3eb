"""The executable `keyway`. A package of its own, because importing `keyway` imports gRPC."""

import os
from typing import NoReturn


def main() -> NoReturn:
    """Run the command in the arguments of this process, and exit with its exit code."""
    # gRPC reads the variable when it is imported. The error message already contains the cause of a failed connection.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from keyway.cli import main as run  # noqa: PLC0415

    run()
