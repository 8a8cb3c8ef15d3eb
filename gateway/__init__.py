"""Keyway: one gRPC contract in front of several certificate and key services."""

import os
from typing import Final

# Each log line is one JSON object. Silence the plain lines of gRPC's C library, which reads this variable at import.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# uvloop starts programs with fork. The handlers of gRPC for fork can crash the child before it becomes the program.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

__version__: Final = "0.1.0"
