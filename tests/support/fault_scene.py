"""Helpers of the fault tests: a gateway over one failing upstream, and the records of its calls."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keyway.v1 import key_service_pb2 as keys
from tests.support.faulty_upstream import http, saying
from tests.support.leaks import nothing_left
from tests.support.stack import Gateway, Stack
from tests.support.trusted import events_in
from tests.support.valid_requests import KEYS, WARP, valid_request

FAST: Final[Mapping[str, Any]] = {
    "timeout": 1.0,
    "connect_timeout": 1.0,
    "retry": {"attempts": 3, "initial_backoff": 0.001, "maximum_backoff": 0.1},
    "breaker": {"enabled": False},
}
SESSION: Final[Mapping[str, Any]] = {"session_id": "session-1"}
ENCRYPT: Final = keys.EncryptRequest(name=f"providers/{KEYS}/keys/k1", plaintext=b"plain")
"""Safe to retry."""
DELETE: Final = valid_request("DeleteCertificate")
"""Not safe to retry."""
ENCRYPTED: Final = http(
    200,
    b'{"header":{"resultCode":0,"resultMessage":"success","isSuccessful":true},'
    b'"body":{"ciphertext":"AAAAABzGwQniNneKXmcOLhWnxEqC1rNY+UdVb3lyeX/4wSrP","keyVersion":1}}',
)
healthy = saying(ENCRYPTED)


@dataclass
class Scene:
    """A gateway with a journal over one upstream."""

    gateway: Gateway
    journal: Path

    def attempts(self, request_id: str | None = None) -> list[int | None]:
        """Return the HTTP statuses of all recorded attempts of a call; without an id, of the last call."""
        outcomes = [event for event in events_in(self.journal) if event["metadata"]["event_code"] == "outcome"]
        chosen = [event for event in outcomes if request_id in (None, event["api"]["request"]["uid"])]
        return [attempt["http_status"] for attempt in chosen[-1]["unmapped"].get("attempts", [])]


@contextlib.asynccontextmanager
async def scene(
    stack: Stack, folder: Path, url: str, warp: Mapping[str, Any] = SESSION, **overrides: Any
) -> AsyncIterator[Scene]:
    """Run a gateway with a Key Manager and an ASTERIA provider at this address. It must leave no task or file open.

    warp: the login settings of ASTERIA.
    """
    providers = [
        stack.provider(KEYS, **{**FAST, "endpoint": url, **overrides}),
        {"id": WARP, "type": "asteria", **warp, **FAST, "endpoint": url, **overrides},
    ]
    audit = {"directory": str(folder), "durability": "os"}
    async with nothing_left(), Gateway(stack.settings(*providers, audit=audit)) as gateway:
        yield Scene(gateway, folder)
