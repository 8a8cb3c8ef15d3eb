"""Keyway: one gRPC contract in front of several certificate and key services."""

import os
from typing import Final

# The log is one JSON object a line: gRPC's C library writes lines of its own, and reads this when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# The older of gRPC's two listeners wakes far fewer threads for a call (docs/decisions/0015).
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")

__version__: Final = "0.1.0"
