"""The states of the watched certificates in one worker, and the subscriptions to them.

The worker that polls sends the states. This worker tells it which certificates its readers watch.
"""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from gateway.contract.resource_names import provider_id
from gateway.errors import SERVER_BUSY, GatewayError
from gateway.watch.history import ChangeHistory, States
from gateway.watch.lingering import Lingering
from gateway.watch.messages import Interest, Update
from gateway.watch.states import REMOVED, CertificateState, Phase, ResumeToken
from gateway.watch.subscription import VersionSubscription
from gateway.watch.waiting import Waiting

LINGER_SECONDS: Final = 60.0
"""Seconds for which a certificate without readers is still watched, so that a reader can come back and resume."""
MAXIMUM_NAMES: Final = 50_000
"""Certificates of one provider that the readers of a worker watch by name. All of them are in one message."""
_EVERYTHING: Final = ""
"""Stands for all certificates of a provider among the names that linger."""

SendInterest = Callable[[Interest], None]


class VersionReplica:
    """The certificates of all providers that the readers of this worker watch. Runs on the event loop.

    send: sends an interest to the worker that polls. linger: see LINGER_SECONDS.
    """

    def __init__(self, send: SendInterest, *, linger: float = LINGER_SECONDS) -> None:
        self._send = send
        self._linger = linger
        self._providers: dict[str, _ProviderReplica] = {}

    def subscribe(self, names: Iterable[str] = (), *, parent: str = "") -> VersionSubscription:
        """Return a subscription to certificates, or to all of the provider `parent`. Close it at the end."""
        subscription = VersionSubscription(self, parent)
        if parent:
            self._provider(provider_id(parent)).watch_everything(subscription)
        subscription.add(list(names))
        return subscription

    def receive(self, update: Update) -> None:
        """Take an update from the worker that polls."""
        if update.worker == os.getpid() and (provider := self._providers.get(update.provider)) is not None:
            provider.receive(update)

    def ages(self) -> Mapping[str, float]:
        """Return the seconds since the last update of each provider that is watched."""
        now = time.monotonic()
        return {name: now - each.updated_at for name, each in self._providers.copy().items() if each.is_watched}

    # What a subscription calls:

    def state(self, name: str) -> CertificateState | None:
        """Return the current state of a certificate; None if it is not known."""
        return self._provider(provider_id(name)).states.get(name)

    def watch(self, subscription: VersionSubscription, names: Iterable[str]) -> None:
        """Begin to report changes of certificates to a subscription."""
        for provider, each in _by_provider(names).items():
            self._provider(provider).watch(subscription, each)

    def unwatch(self, subscription: VersionSubscription, names: Iterable[str] | None) -> None:
        """Stop that. names: None for all."""
        for provider, each in _by_provider(subscription.names if names is None else names).items():
            self._provider(provider).unwatch(subscription, each)
        if names is None and subscription.parent:
            self._provider(provider_id(subscription.parent)).unwatch_everything(subscription)

    async def fresh(self, subscription: VersionSubscription) -> None:
        """Return when the states of all certificates of a subscription are newer than its last addition.

        Raises GatewayError if a provider cannot be read.
        """
        for provider in list(self._providers.values()):
            await provider.waiting.completed(subscription)

    def current(self, subscription: VersionSubscription) -> States:
        """Return the states of the certificates of a subscription that are known. They belong to one provider."""
        return self._provider_of(subscription).current(subscription)

    def known(self, subscription: VersionSubscription, token: str, includes: Callable[[str], bool]) -> States | None:
        """Return the states that a reader with this resume token knows; None if the token is unknown.

        All certificates of the subscription belong to one provider. includes: whether the reader receives events about
        a certificate.
        """
        return self._provider_of(subscription).known(subscription, token, includes)

    def _provider_of(self, subscription: VersionSubscription) -> "_ProviderReplica":
        return self._provider(provider_id(subscription.parent or next(iter(subscription.names))))

    def _provider(self, provider: str) -> "_ProviderReplica":
        found = self._providers.get(provider)
        if found is None:
            found = self._providers[provider] = _ProviderReplica(provider, self._send, self._linger)
        return found


def _by_provider(names: Iterable[str]) -> Mapping[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        found[provider_id(name)].append(name)
    return found


class _ProviderReplica:
    """The watched certificates of one provider, and their readers."""

    def __init__(self, provider: str, send: SendInterest, linger: float) -> None:
        self._provider = provider
        self._send = send
        self._lingering = Lingering(linger, self._forget)
        self._history = ChangeHistory()
        self._readers: dict[str, set[VersionSubscription]] = {}
        self._readers_of_everything: set[VersionSubscription] = set()
        self._everything = False
        self._complete: set[str] = set()
        self._scheduled = False
        self._has_forgotten = False
        self.waiting = Waiting()
        self.states: dict[str, CertificateState] = {}
        self.updated_at = time.monotonic()

    @property
    def is_watched(self) -> bool:
        """Whether there are readers, or were until recently."""
        return bool(self._readers) or self._everything

    def watch(self, subscription: VersionSubscription, names: Collection[str]) -> None:
        if len(self._readers) + len([name for name in names if name not in self._readers]) > MAXIMUM_NAMES:
            message = f"the gateway watches {MAXIMUM_NAMES} certificates of {self._provider} by name, the maximum"
            raise GatewayError(SERVER_BUSY, message)
        for name in names:
            self._readers.setdefault(name, set()).add(subscription)
            self._lingering.discard(name)
        self.waiting.add(subscription, names)
        self._send_soon()

    def watch_everything(self, subscription: VersionSubscription) -> None:
        self._everything = True
        self._readers_of_everything.add(subscription)
        self._lingering.discard(_EVERYTHING)
        self.waiting.add(subscription, None)
        self._send_soon()

    def unwatch(self, subscription: VersionSubscription, names: Iterable[str]) -> None:
        for name in names:
            readers = self._readers.get(name)
            if readers is not None and subscription in readers:
                readers.remove(subscription)
                if not readers:
                    self._lingering.add(name)
        self.waiting.discard(subscription, names)

    def unwatch_everything(self, subscription: VersionSubscription) -> None:
        self._readers_of_everything.discard(subscription)
        self.waiting.forget(subscription)
        if not self._readers_of_everything:
            self._lingering.add(_EVERYTHING)

    def receive(self, update: Update) -> None:
        if update.failure is not None:
            if update.ends_everything:
                self._end_everything(update.failure.error(self._provider, retryable=False))
            else:
                self.waiting.fail(update.serial, update.failure.error(self._provider))
            return
        for name, state in update.changes.items():
            self._replace(name, state)
        if update.is_complete:
            self._complete.update(update.changes)
        if update.is_last:
            if update.is_complete:
                self._remove_others()
            self.updated_at = time.monotonic()
            for subscription, names in self.waiting.complete(update.serial):
                for name in self._existing(names):
                    subscription.notify(name)

    def _end_everything(self, error: GatewayError) -> None:
        for subscription in self._readers_of_everything:
            subscription.fail(error)
            self.waiting.forget(subscription)

    def _remove_others(self) -> None:
        """Handle the removal of certificates that the worker that polled before has not reported."""
        for name in self.states.keys() - self._complete:
            self._replace(name, REMOVED)
        self._complete.clear()

    def known(self, subscription: VersionSubscription, token: str, includes: Callable[[str], bool]) -> States | None:
        if token == str(ResumeToken()):
            return None  # the token of a reader that knows nothing
        is_named = subscription.names.__contains__

        def is_included(name: str) -> bool:
            return (bool(subscription.parent) or is_named(name)) and includes(name)

        current = {name: state for name, state in self.current(subscription).items() if includes(name)}
        return self._history.rewind(current, token, is_included)

    def current(self, subscription: VersionSubscription) -> States:
        if subscription.parent:
            return self.states
        return {name: self.states[name] for name in subscription.names if name in self.states}

    def _existing(self, names: Iterable[str] | None) -> Iterator[str]:
        """Yield the names with a state. None means all certificates of the provider that exist."""
        if names is None:
            yield from (name for name, state in self.states.items() if state.phase is not Phase.REMOVED)
        else:
            yield from (name for name in names if name in self.states)

    def _replace(self, name: str, state: CertificateState) -> None:
        old = self.states.get(name)
        self.states[name] = state
        if state == old:
            return
        self._history.add(name, old, state)
        for subscription in (*self._readers.get(name, ()), *self._readers_of_everything):
            if not self.waiting.includes(subscription, name):
                subscription.notify(name, changed=True)

    def _send_soon(self) -> None:
        """Send the interest at the end of this turn of the event loop, once for all readers that come in it."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send_now)

    def _send_now(self) -> None:
        self._scheduled = False
        if self._has_forgotten:
            self._has_forgotten = False
            self.states = {name: state for name, state in self.states.items() if self._keeps(name, state)}
        serial = time.monotonic_ns()
        urgent, urgent_everything = self.waiting.number(serial)
        self._send(
            Interest(
                os.getpid(),
                self._provider,
                serial,
                frozenset(self._readers),
                everything=self._everything,
                urgent=urgent,
                urgent_everything=urgent_everything,
            )
        )

    def _keeps(self, name: str, state: CertificateState) -> bool:
        return name in self._readers or (self._everything and state != REMOVED)

    def _forget(self, names: Collection[str]) -> None:
        """Stop watching certificates without readers.

        Their states are dropped when the worker that polls learns it. Otherwise, a reader that comes at the same time
        would not receive them: that worker would not send them again.
        """
        for name in names:
            if name == _EVERYTHING:
                self._everything = False
            else:
                del self._readers[name]
        self._has_forgotten = True
        self._send_soon()
