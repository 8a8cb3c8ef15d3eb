"""Keyway: one gRPC contract in front of several certificate and key services."""

import os
from typing import Final

# The log is one JSON object a line: gRPC's C library writes lines of its own, and reads this when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

__version__: Final = "0.1.0"
