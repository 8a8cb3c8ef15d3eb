"""Python client of Keyway, a gRPC gateway to certificate and key services.

Start with `keyway.connect`, or with `keyway.aio.connect` for asyncio. `keyway.v1` has the messages of the contract,
`keyway.envelope` has envelope encryption.
"""

import os
import sys

# gRPC reads the variable when it is imported. Its log repeats what the errors state.
if "grpc" not in sys.modules:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from grpc import StatusCode

from keyway import aio
from keyway.client import Client, connect
from keyway.errors import KeywayError, Violation, receipt, request_id
from keyway.lists import iterate
from keyway.pages import iterate_pages
from keyway.problems import Problem

__all__ = [
    "Client",
    "KeywayError",
    "Problem",
    "StatusCode",
    "Violation",
    "aio",
    "connect",
    "iterate",
    "iterate_pages",
    "receipt",
    "request_id",
]
