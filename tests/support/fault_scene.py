"""What the fault suite shares: a gateway over one upstream in trouble, and what is on record of its calls."""

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
    "timeout": 0.3,
    "connect_timeout": 0.3,
    "retry": {"attempts": 3, "initial_backoff": 0.001, "maximum_backoff": 0.1},
    "breaker": {"enabled": False},
}
SESSION: Final[Mapping[str, Any]] = {"session_id": "session-1"}
ENCRYPT: Final = keys.EncryptRequest(name=f"providers/{KEYS}/keys/k1", plaintext=b"plain")
"""May be repeated."""
DELETE: Final = valid_request("DeleteCertificate")
"""May not."""
ENCRYPTED: Final = http(
    200,
    b'{"header":{"resultCode":0,"resultMessage":"success","isSuccessful":true},'
    b'"body":{"ciphertext":"AAAAABzGwQniNneKXmcOLhWnxEqC1rNY+UdVb3lyeX/4wSrP","keyVersion":1}}',
)
healthy = saying(ENCRYPTED)


@dataclass
class Scene:
    """A gateway over an upstream, with a journal."""

    gateway: Gateway
    journal: Path

    def attempts(self, request_id: str | None = None) -> list[int | None]:
        """The HTTP statuses of all attempts that are on record of a call; without its id, of the last."""
        outcomes = [event for event in events_in(self.journal) if event["metadata"]["event_code"] == "outcome"]
        chosen = [event for event in outcomes if request_id in (None, event["api"]["request"]["uid"])]
        return [attempt["http_status"] for attempt in chosen[-1]["unmapped"].get("attempts", [])]


@contextlib.asynccontextmanager
async def scene(
    stack: Stack, folder: Path, url: str, warp: Mapping[str, Any] = SESSION, **overrides: Any
) -> AsyncIterator[Scene]:
    """A gateway whose Key Manager and ASTERIA server are both at this address. It leaves nothing behind.

    warp: how ASTERIA is logged in to.
    """
    providers = [
        stack.provider(KEYS, **{**FAST, "endpoint": url, **overrides}),
        {"id": WARP, "type": "asteria", **warp, **FAST, "endpoint": url, **overrides},
    ]
    audit = {"directory": str(folder), "durability": "os"}
    async with nothing_left(), Gateway(stack.settings(*providers, audit=audit)) as gateway:
        yield Scene(gateway, folder)
