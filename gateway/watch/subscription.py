"""A subscription to the states of certificates, for one reader. It keeps at most one pending change per certificate."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, Protocol, Self

from gateway.errors import GatewayError
from gateway.watch.history import States
from gateway.watch.states import CertificateState


class Change(NamedTuple):
    """The state of a certificate, which the reader may know already.

    coalesced: the number of earlier changes that it replaces. since: the time of the first of them, in seconds of
    `time.monotonic()`.
    """

    name: str
    state: CertificateState
    coalesced: int
    since: float

    @property
    def version(self) -> str:
        """The version of the content; empty if the certificate does not exist or cannot be read."""
        return self.state.version


class _Pending(NamedTuple):
    changes: int
    since: float


class Source(Protocol):
    """Where a subscription reads states."""

    def state(self, name: str) -> CertificateState | None:
        """Return the current state of a certificate; None if it is not known."""

    def watch(self, subscription: "VersionSubscription", names: Iterable[str]) -> None:
        """Begin to report changes of certificates to a subscription."""

    def unwatch(self, subscription: "VersionSubscription", names: Iterable[str] | None) -> None:
        """Stop that. names: None for all."""

    async def fresh(self, subscription: "VersionSubscription") -> None:
        """Return when the states of all certificates of a subscription are newer than the last change of its names.

        Raises GatewayError if the provider cannot be read.
        """

    def current(self, subscription: "VersionSubscription") -> States:
        """Return the states of the certificates of a subscription that are known."""

    def known(self, subscription: "VersionSubscription", token: str, includes: Callable[[str], bool]) -> States | None:
        """Return the states that a reader with this resume token knows; None if the token is unknown.

        includes: whether the reader receives events about a certificate.
        """


def _every(_name: str) -> bool:
    return True


class VersionSubscription:
    """The changes of certificates, as an asynchronous iterator. Close it at the end.

    parent: the provider whose certificates are all included, including new ones; empty for named ones.
    The states that exist at the beginning are changes, too. A state is reported only if it is not older than the moment
    when the certificate was added. So a reader never sees an older state than in another gateway before.
    """

    def __init__(self, source: Source, parent: str = "") -> None:
        self.parent = parent
        self.names: set[str] = set()
        self._source = source
        self._pending: dict[str, _Pending] = {}
        self._changed = asyncio.Event()
        self._closed = False
        self._failure: GatewayError | None = None

    def add(self, names: Collection[str]) -> None:
        """Watch more certificates, by their resource names."""
        new = [name for name in names if name not in self.names]
        self.names.update(new)
        self._source.watch(self, new)

    def discard(self, names: Collection[str]) -> None:
        """Watch certificates no longer."""
        self.names.difference_update(names)
        for name in names:
            self._pending.pop(name, None)
        self._source.unwatch(self, names)

    def close(self) -> None:
        """End the subscription, and the iteration over it."""
        if not self._closed:
            self._closed = True
            self._source.unwatch(self, None)
            self._pending.clear()
            self._changed.set()

    async def fresh(self) -> None:
        """Return when a change is pending for every certificate that exists or is named.

        Raises GatewayError if the provider cannot be read.
        """
        await self._source.fresh(self)
        if self._failure is not None:
            raise self._failure

    def known(self, token: str, includes: Callable[[str], bool] = _every) -> States | None:
        """Return the states that a reader with this resume token knows; None if the token is unknown.

        includes: whether the reader receives events about a certificate.
        """
        return self._source.known(self, token, includes)

    def current(self) -> States:
        """Return the known states of the certificates."""
        return self._source.current(self)

    def report_since(self, known: States) -> None:
        """Report the states that differ from those that the reader knows. They can be pending already."""
        for name, state in self.current().items():
            if known.get(name) != state:
                self.notify(name)

    def fail(self, error: GatewayError) -> None:
        """Make the iteration raise an error, because the source can no longer report the changes."""
        self._failure = error
        self._changed.set()

    def notify(self, name: str, *, changed: bool = False) -> None:
        """Report a state again. changed: whether it is a new one."""
        if self._closed:
            return
        pending = self._pending.get(name) or _Pending(0, time.monotonic())
        self._pending[name] = _Pending(pending.changes + changed, pending.since)
        self._changed.set()

    @property
    def pending(self) -> int:
        """The number of pending changes."""
        return len(self._pending)

    def pop(self) -> Change | None:
        """Remove and return the oldest pending change; None if there is none. Raises the error of `fail`."""
        if self._failure is not None:
            raise self._failure
        while self._pending:
            name = next(iter(self._pending))
            changes, since = self._pending.pop(name)
            state = self._source.state(name)
            if state is not None:
                return Change(name, state, max(0, changes - 1), since)
        self._changed.clear()
        return None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while (change := self.pop()) is None:
            if self._closed:
                raise StopAsyncIteration
            await self._changed.wait()
        return change
