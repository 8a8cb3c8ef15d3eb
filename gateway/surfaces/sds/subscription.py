"""The subscription of one stream to one secret: decides when to load it, and what to tell the node."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from gateway.deliveries.ledger import Delivery, DeliveryLedger, DeliveryState
from gateway.library_logs import exception_fields
from gateway.server.rpc_context import peer_address
from gateway.surfaces.sds.feeds import SecretFeed, SecretFeeds
from gateway.surfaces.sds.loading import LoadFailure, SecretLoader
from gateway.surfaces.sds.material import SecretMaterial
from gateway.surfaces.sds.names import SecretResource
from gateway.surfaces.sds.node import Node

_FIRST_RETRY_SECONDS: Final = 1.0
_MAXIMUM_RETRY_SECONDS: Final = 60.0
_RETRIES: Final = 3
_VERSION_SECONDS: Final = 60.0
"""Seconds that a node with a version waits for the present version. After that, the gateway reads the secret."""
_DENIED_CHECK_SECONDS: Final = 5.0
"""Seconds between two checks of whether policy now permits a secret. They need no call and leave no record."""
_WITHOUT_SECRET: Final = frozenset({DeliveryState.MISSING, DeliveryState.DENIED})
"""States in which the node learns that it does not receive the secret, even if it holds a version."""

_log = structlog.get_logger(__name__)


class SecretUpdate(NamedTuple):
    """What the node must learn about a secret. material: None if the node does not receive it."""

    name: str
    material: SecretMaterial | None


class Surroundings(NamedTuple):
    """What all subscriptions of a server use."""

    feeds: SecretFeeds
    loader: SecretLoader
    ledger: DeliveryLedger


class Subscription:
    """A subscription. name: as the node requests it. held: the version that the node reports to have; can be empty.

    send: sends an update to the node. It must not wait.
    """

    def __init__(
        self,
        name: str,
        resource: SecretResource | None,
        held: str,
        *,
        node: Node,
        surroundings: Surroundings,
        send: Callable[[SecretUpdate], None],
    ) -> None:
        self.name: Final = name
        self._resource = resource
        self._node = node
        self._around = surroundings
        self._send = send
        self._held = held
        self._reported = held
        self._withheld = False
        self._key = node.key(name)
        secret = resource.name if resource is not None else ""
        self._entry = surroundings.ledger.open(self._key, secret, peer_address(node.peer))
        # Another program with the same node ID, which holds nothing, must receive what this one rejected.
        self._rejected = self._entry.rejected if held else ""
        self._feed: SecretFeed | None = None
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._retries = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def delivery(self) -> Delivery:
        """The delivery in the ledger."""
        return self._entry

    def start(self) -> None:
        """Deliver the secret, and follow its changes."""
        if self._resource is None:
            self._withhold(DeliveryState.MISSING)
            return
        self._follow(self._resource)
        self._deliver()

    def close(self) -> None:
        """End the subscription."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._unfollow()
        self._around.ledger.close(self._key)

    def _follow(self, resource: SecretResource) -> None:
        """Follow the changes of the secret if the node may receive it.

        A node must not make the gateway read what it may not receive, or watch any number of names.
        """
        if self._feed is None and self._around.loader.may_receive(self._node, resource):
            self._feed = self._around.feeds.join(resource, self)

    def _unfollow(self) -> None:
        if self._feed is not None and self._resource is not None:
            self._feed = None
            self._around.feeds.leave(self._resource, self)

    def changed(self, version: str) -> asyncio.Task[None] | None:
        """Handle a version that the source reports."""
        return None if self._is_settled(version) else self._deliver()

    def accepted(self, version: str) -> None:
        """Record that the node uses a version."""
        self._entry.accepted = version
        self._rejected = self._entry.rejected = ""
        state = DeliveryState.ACCEPTED if version == self._entry.sent else None
        self._around.ledger.changed(self._key, state)

    def rejected(self, version: str) -> None:
        """Record that the node rejected a version. Nothing is sent until the content changes."""
        self._rejected = self._entry.rejected = version
        state = DeliveryState.REJECTED if version == self._entry.sent else None
        self._around.ledger.changed(self._key, state)

    def _is_settled(self, version: str) -> bool:
        """Return whether there is nothing to deliver if this is the present version."""
        if not version:
            return self._withheld
        return version in (self._held, self._rejected)

    def _deliver(self) -> asyncio.Task[None]:
        """Load the secret. If it is being loaded, load it again afterwards."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None and not self._task.done():
            self._again = True
        else:
            self._task = asyncio.create_task(self._run())
        return self._task

    async def _run(self) -> None:
        again = True
        while again:
            self._again = False
            try:
                await self._load()
            except Exception as error:  # noqa: BLE001 - a bug, which must not end the stream
                _log.error("secret_not_delivered", **exception_fields(error))
                self._retry(None)
            version = self._feed.version if self._feed is not None else None
            again = self._again and (version is None or not self._is_settled(version))

    async def _load(self) -> None:
        assert self._resource is not None
        if self._reported and await self._is_current(self._resource):
            self._entry.sent = self._held
            self.accepted(self._held)
            return
        loaded = await self._around.loader.load(self._node, self._resource)
        if not isinstance(loaded, LoadFailure) or loaded.state is not DeliveryState.DENIED:
            self._follow(self._resource)  # policy can have changed since the start
        if isinstance(loaded, LoadFailure):
            self._failed(loaded)
        else:
            self._loaded(loaded)

    async def _is_current(self, resource: SecretResource) -> bool:
        """Return whether the node already holds the present version when it subscribes, and may have it."""
        reported, self._reported = self._reported, ""
        if self._feed is None:
            return False
        try:
            async with asyncio.timeout(_VERSION_SECONDS):
                version = await self._feed.known()
        except TimeoutError:
            return False
        return version == reported and self._around.loader.may_receive(self._node, resource)

    def _loaded(self, material: SecretMaterial) -> None:
        if material.version == self._rejected:
            self._around.ledger.changed(self._key, DeliveryState.REJECTED)
        elif material.version == self._held:
            self._entry.sent = self._held
            self.accepted(self._held)
            if self._feed is not None and self._feed.version not in (None, "", self._held) and self._retries < _RETRIES:
                self._retry(None)  # the upstream returned the version before the one that the source has reported
        else:
            self._held = self._entry.sent = material.version
            self._retries, self._withheld = 0, False
            self._entry.sent_at = time.time()
            self._around.ledger.changed(self._key, DeliveryState.SENT)
            self._send(SecretUpdate(self.name, material))

    def _failed(self, failure: LoadFailure) -> None:
        if failure.state not in _WITHOUT_SECRET:
            _log.warning("secret_not_sent", secret=self._entry.resource, reason=failure.reason)
        if failure.state is DeliveryState.DENIED:
            self._unfollow()
            self._timer = asyncio.get_running_loop().call_later(_DENIED_CHECK_SECONDS, self._check_denial)
        elif failure.state is not DeliveryState.MISSING:
            self._retry(failure.retry_after)
        if failure.state in _WITHOUT_SECRET or not self._held:
            self._withhold(failure.state)
        else:
            self._around.ledger.changed(self._key, failure.state)

    def _withhold(self, state: DeliveryState) -> None:
        """Tell the node once that it does not receive the secret, so that it does not wait for it."""
        self._held = ""
        self._around.ledger.changed(self._key, state)
        if not self._withheld:
            self._withheld = True
            self._send(SecretUpdate(self.name, None))

    def _check_denial(self) -> None:
        assert self._resource is not None
        if self._around.loader.may_receive(self._node, self._resource):
            self._follow(self._resource)
            self._deliver()
        else:
            self._timer = asyncio.get_running_loop().call_later(_DENIED_CHECK_SECONDS, self._check_denial)

    def _retry(self, seconds: float | None) -> None:
        delay = max(seconds or 0.0, min(_FIRST_RETRY_SECONDS * 2**self._retries, _MAXIMUM_RETRY_SECONDS))
        self._retries = min(self._retries + 1, 10)
        self._timer = asyncio.get_running_loop().call_later(delay * random.uniform(1.0, 1.5), self._deliver)  # noqa: S311
