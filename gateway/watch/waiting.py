"""The subscriptions that wait for states that are newer than their last addition."""

import asyncio
from collections.abc import Iterable, Iterator

from gateway.errors import GatewayError
from gateway.watch.subscription import VersionSubscription

_UNSENT = 0


class _Wait:
    """serial: of the interest that includes the names; _UNSENT until it is sent. names: None for all."""

    def __init__(self) -> None:
        self.serial = _UNSENT
        self.names: set[str] | None = set()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, names: Iterable[str] | None) -> None:
        self.serial = _UNSENT
        if names is None:
            self.names = None
        elif self.names is not None:
            self.names.update(names)


class Waiting:
    """The waiting subscriptions to certificates of one provider."""

    def __init__(self) -> None:
        self._waits: dict[VersionSubscription, _Wait] = {}

    def add(self, subscription: VersionSubscription, names: Iterable[str] | None) -> None:
        """Make a subscription wait for certificates; None for all of the provider."""
        self._waits.setdefault(subscription, _Wait()).add(names)

    def discard(self, subscription: VersionSubscription, names: Iterable[str]) -> None:
        """Make a subscription wait for fewer certificates."""
        wait = self._waits.get(subscription)
        if wait is not None and wait.names is not None:
            wait.names.difference_update(names)
            if not wait.names:
                self.forget(subscription)

    def forget(self, subscription: VersionSubscription) -> None:
        """Forget a subscription that has ended."""
        wait = self._waits.pop(subscription, None)
        if wait is not None and not wait.done.done():
            wait.done.set_result(None)

    def includes(self, subscription: VersionSubscription, name: str) -> bool:
        """Return whether a subscription waits for a certificate."""
        wait = self._waits.get(subscription)
        return wait is not None and (wait.names is None or name in wait.names)

    def number(self, serial: int) -> tuple[frozenset[str], bool]:
        """Set the serial of the interest that is about to be sent.

        Return the names for which subscriptions wait, and whether one waits for all certificates.
        """
        names: set[str] = set()
        everything = False
        for wait in self._waits.values():
            if wait.serial == _UNSENT:
                wait.serial = serial
            names.update(wait.names or ())
            everything = everything or wait.names is None
        return frozenset(names), everything

    def complete(self, serial: int) -> Iterator[tuple[VersionSubscription, Iterable[str] | None]]:
        """Yield the subscriptions that wait no longer, with the names. serial: of the interest that was answered."""
        for subscription, wait in list(self._waits.items()):
            if _UNSENT < wait.serial <= serial:
                yield subscription, wait.names
                self.forget(subscription)

    def fail(self, serial: int, error: GatewayError) -> None:
        """Report to the waiting readers that the provider cannot be read. Their subscriptions keep waiting."""
        for wait in self._waits.values():
            if _UNSENT < wait.serial <= serial:
                failed, wait.done = wait.done, asyncio.get_running_loop().create_future()
                if not failed.done():
                    failed.set_exception(error)
                    failed.exception()  # often nobody waits

    async def completed(self, subscription: VersionSubscription) -> None:
        """Return when a subscription does not wait. Raises GatewayError if the provider cannot be read."""
        wait = self._waits.get(subscription)
        if wait is not None:
            await asyncio.shield(wait.done)
