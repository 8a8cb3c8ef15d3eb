"""The interests of all workers, and the updates that answer them. Only the worker that polls uses it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final

from gateway.errors import GatewayError
from gateway.watch.history import States
from gateway.watch.messages import Interest, PollFailure, Update
from gateway.watch.states import REMOVED, CertificateState

_CHANGES_PER_UPDATE: Final = 200

SendUpdate = Callable[[Update], None]


class VersionPublisher:
    """The watched certificates of all providers. send: sends an update to the worker that it names."""

    def __init__(self, send: SendUpdate) -> None:
        self._send = send
        self._providers: dict[str, WatchedProvider] = {}

    def provider(self, provider: str) -> "WatchedProvider":
        """Return the watched certificates of a provider."""
        found = self._providers.get(provider)
        if found is None:
            found = self._providers[provider] = WatchedProvider(self._send)
        return found

    def receive(self, interest: Interest) -> None:
        """Take an interest of a worker."""
        self.provider(interest.provider).receive(interest)


class WatchedProvider:
    """The watched certificates of one provider. wanted: set if a reader waits for a poll."""

    def __init__(self, send: SendUpdate) -> None:
        self._send = send
        self._interests: dict[int, Interest] = {}
        self._sent: dict[int, dict[str, CertificateState]] = {}
        self._informed: set[int] = set()  # the workers that have had a complete update
        self.wanted = asyncio.Event()

    @property
    def is_watched(self) -> bool:
        """Whether any worker watches certificates."""
        return bool(self._interests)

    def receive(self, interest: Interest) -> None:
        """Take an interest of a worker. It replaces the previous one."""
        before = self._interests.get(interest.worker)
        if before is not None and before.serial >= interest.serial:
            return
        if not interest.everything:
            self._informed.discard(interest.worker)
        if interest.is_empty:
            self._interests.pop(interest.worker, None)
            self._sent.pop(interest.worker, None)
            return
        self._interests[interest.worker] = interest
        sent = self._sent.get(interest.worker, {})
        self._sent[interest.worker] = {name: state for name, state in sent.items() if _keeps(interest, name, state)}
        if interest.is_urgent:
            self.wanted.set()

    def begin(self, *, urgent: bool = False) -> "PollRound":
        """Begin a poll. It answers the interests that have arrived until now.

        urgent: whether it reads only what readers wait for.
        """
        self.wanted.clear()
        return PollRound(tuple(self._interests.values()), urgent=urgent)

    def finish(self, poll: "PollRound", states: States) -> None:
        """Send the workers what has changed for them. states: of the certificates that the poll has to read."""
        for interest in poll.interests:
            if interest.worker in self._interests:
                self._answer(poll, interest, states)
                self._clear_urgency(interest)

    def _clear_urgency(self, answered: Interest) -> None:
        current = self._interests[answered.worker]
        if current.serial == answered.serial:
            self._interests[answered.worker] = replace(current, urgent=frozenset(), urgent_everything=False)

    def end_everything(self, poll: "PollRound", error: GatewayError) -> None:
        """End the streams of all certificates of the provider. The poll then has to read only named ones."""
        failure = PollFailure.of(error)
        for each in poll.interests:
            if each.everything:
                self._informed.discard(each.worker)
                self._send(Update(each.worker, each.provider, each.serial, failure=failure, ends_everything=True))
        poll.exclude_everything()

    def fail(self, poll: "PollRound", error: GatewayError) -> None:
        """Tell the workers that the provider could not be polled."""
        failure = PollFailure.of(error)
        for interest in poll.interests:
            self._send(Update(interest.worker, interest.provider, interest.serial, failure=failure))

    def _answer(self, poll: "PollRound", interest: Interest, states: States) -> None:
        sent = self._sent.setdefault(interest.worker, {})
        is_complete = poll.everything and interest.everything and interest.worker not in self._informed
        if is_complete:
            sent.clear()
            if self._interests[interest.worker].everything:
                self._informed.add(interest.worker)
        changes = iter([change for change in _changes(interest, states, sent) if poll.includes(change[0])])
        while True:
            part = dict(islice(changes, _CHANGES_PER_UPDATE))
            is_last = len(part) < _CHANGES_PER_UPDATE
            sent.update(part)
            self._send(Update(interest.worker, interest.provider, interest.serial, part, is_last, is_complete))
            if is_last:
                break
        for name in [name for name, state in sent.items() if not _keeps(interest, name, state)]:
            del sent[name]


def _keeps(interest: Interest, name: str, state: CertificateState) -> bool:
    """Return whether the worker keeps a state. The number of certificates that do not exist has no limit."""
    return name in interest.names or (interest.everything and state != REMOVED)


def _changes(
    interest: Interest, states: States, sent: Mapping[str, CertificateState]
) -> Iterator[tuple[str, CertificateState]]:
    """Yield the states that a worker does not have."""
    names = interest.names | states.keys() | sent.keys() if interest.everything else interest.names
    for name in names:
        state = states.get(name, REMOVED)
        if sent.get(name) != state:
            yield name, state


class PollRound:
    """What one poll has to read. everything: all certificates of the provider. names: otherwise, these.

    urgent: whether it reads only what readers wait for.
    """

    def __init__(self, interests: tuple[Interest, ...], *, urgent: bool = False) -> None:
        self.interests = interests
        self.urgent = urgent
        self.everything = any(each.urgent_everything if urgent else each.everything for each in interests)
        self.names = frozenset[str]().union(*(each.urgent if urgent else each.names for each in interests))

    def exclude_everything(self) -> None:
        """Read only named certificates."""
        self.interests = tuple(replace(each, everything=False) for each in self.interests)
        self.everything = False

    def includes(self, name: str) -> bool:
        """Return whether the poll has to read a certificate."""
        return self.everything or name in self.names
