"""An upstream behind the response cache."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from gateway.call_context import CallContext
from gateway.providers.base.listing import CertificatePage, ListWindow
from gateway.providers.base.settings import CacheSettings
from gateway.providers.caching import ReadCache
from keyway.v1 import certificate_pb2
from keyway.v1 import key_service_pb2 as keys

NAME = "providers/p/keys/k"
REQUEST = keys.GetPublicKeyRequest(name=NAME)


def call(seconds: float = 30.0, *, fresh: bool = False, background: bool = False) -> CallContext:
    made = CallContext("r", time.monotonic() + seconds, idempotent=True, background=background)
    made.fresh = fresh
    return made


class Upstream:
    """Returns the number of its call. failure: raised instead. gate: an event that the upstream waits for first."""

    def __init__(self, **settings: Any) -> None:
        self.now = 1000.0
        self.calls = 0
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.cache = ReadCache("p", CacheSettings(**{"ttl": 60.0, **settings}), 30.0, lambda: self.now)
        self.operations = self.cache.wrap(
            dict.fromkeys(
                ("get_public_key", "get_certificate", "list_certificates", "get_private_key", "encrypt"), self._answer
            )
            | {"delete_certificate": self._answer}
        )

    async def _answer(self, request: Any, _call: CallContext) -> Any:
        self.calls += 1
        number = self.calls
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if isinstance(request, ListWindow):
            return CertificatePage([certificate_pb2.Certificate(name=str(number))], 1)
        return keys.GetPublicKeyResponse(key_version=number)

    async def public_key(self, request: Any = REQUEST, **options: Any) -> int:
        answer = await self.operations["get_public_key"](request, call(**options))
        return int(answer.key_version)


async def settled(condition: Callable[[], bool]) -> None:
    """Run the other tasks of this loop until the condition holds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition does not hold")
