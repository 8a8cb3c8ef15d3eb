"""Callers' side of Keyway: `keyway.connect`, and `keyway.aio.connect` for asyncio.

The contract's messages and stubs stand in `keyway.v1`, envelope encryption in `keyway.envelope`.
"""

from keyway import aio
from keyway.client import Client, connect
from keyway.errors import KeywayError, Violation, receipt, request_id
from keyway.pages import iterate, iterate_pages

__all__ = [
    "Client",
    "KeywayError",
    "Violation",
    "aio",
    "connect",
    "iterate",
    "iterate_pages",
    "receipt",
    "request_id",
]
