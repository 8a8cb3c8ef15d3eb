"""Python client of Keyway, a gRPC gateway to certificate and key services.

Start with `keyway.connect`, or with `keyway.aio.connect` for asyncio. `keyway.v1` has the messages of the contract,
`keyway.envelope` has envelope encryption.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

# gRPC reads the variable when it is imported. Its log repeats the texts of the errors.
if "grpc" not in sys.modules:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")

if TYPE_CHECKING:
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

# Loaded on first use, so that modules of this package that do not need gRPC, such as the command line, do not load it.
_MODULES = {
    "StatusCode": "grpc",
    "Client": "keyway.client",
    "connect": "keyway.client",
    "KeywayError": "keyway.errors",
    "Violation": "keyway.errors",
    "receipt": "keyway.errors",
    "request_id": "keyway.errors",
    "iterate": "keyway.lists",
    "iterate_pages": "keyway.pages",
    "Problem": "keyway.problems",
}
_SUBMODULES = ("aio", "v1")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"keyway.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'keyway' has no attribute {name!r}")
    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
