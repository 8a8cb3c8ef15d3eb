"""The versions of secrets: certificates from the watched certificates of the gateway, trust bundles by polling."""

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any, Final

from gateway.contract.methods import POLL_TRUSTED_AUTHORITIES, POLL_TRUSTED_AUTHORITY, Method
from gateway.errors import GatewayError
from gateway.identity.caller import POLLER
from gateway.server.in_process import InProcessCalls
from gateway.surfaces.sds.loading import MISSING_CODES
from gateway.surfaces.sds.material import UnsendableError
from gateway.surfaces.sds.names import SecretResource
from gateway.surfaces.sds.trust_bundles import LIST_AUTHORITIES, TrustBundles
from gateway.watch.replica import VersionReplica
from gateway.watch.states import Phase

_JITTER: Final = 0.1


class SecretSource:
    """The versions of certificates and of trust bundles.

    replica: the watched certificates. trust_bundles: reads trust stores. calls: makes the calls for that.
    seconds: the timeout of each call. interval: seconds between two polls of a trust store.
    """

    def __init__(
        self,
        replica: VersionReplica,
        trust_bundles: TrustBundles,
        calls: InProcessCalls,
        *,
        seconds: float,
        interval: float,
    ) -> None:
        self._replica = replica
        self._trust_bundles = trust_bundles
        self._calls = calls
        self._seconds = seconds
        self._interval = interval

    def follow(self, resource: SecretResource) -> AsyncGenerator[str, None]:
        """Yield the present version of a resource, and then each change. Empty: the resource does not exist."""
        return self._certificate(resource.name) if resource.is_certificate else self._trust_store(resource.name)

    async def _certificate(self, name: str) -> AsyncGenerator[str, None]:
        subscription = self._replica.subscribe([name])
        try:
            async for change in subscription:
                if change.state.phase is not Phase.UNREADABLE:
                    yield change.version
        finally:
            subscription.close()

    async def _trust_store(self, store: str) -> AsyncGenerator[str, None]:
        latest: str | None = None
        while True:
            version = await self._version(store)
            if version is not None and version != latest:
                latest = version
                yield version
            await asyncio.sleep(self._interval * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311

    async def _version(self, store: str) -> str | None:
        """Return the version of a trust bundle; None if it cannot be read."""
        try:
            return (await self._trust_bundles.load(store, self._poll)).version
        except UnsendableError:
            return None
        except GatewayError as error:
            return "" if error.kind.code in MISSING_CODES else None

    async def _poll(self, method: Method, request: Any) -> Any:
        own = POLL_TRUSTED_AUTHORITIES if method is LIST_AUTHORITIES else POLL_TRUSTED_AUTHORITY
        return await self._calls.call(own, request, POLLER, self._seconds, background=True)
