"""Subscriptions of a worker: fresh states first, one pending change per certificate, and resume tokens."""

import asyncio
import os
from collections.abc import Iterable

import orjson
import pytest
from google.rpc import code_pb2

from gateway.errors import TOO_MANY_CERTIFICATES, GatewayError
from gateway.watch import lingering, replica
from gateway.watch.messages import Interest, PollFailure, Update
from gateway.watch.publisher import VersionPublisher
from gateway.watch.replica import VersionReplica
from gateway.watch.states import CertificateState, Phase, ResumeToken
from gateway.watch.subscription import VersionSubscription
from keyway.v1 import error_reason_pb2 as reasons
from tests.support.waiting import eventually

A, B = "providers/p/certificates/a", "providers/p/certificates/b"
V1, V2, V3 = (CertificateState(Phase.VALID, version) for version in ("1", "2", "3"))


class Gateway:
    """One worker that also polls. `states`: what the provider has."""

    def __init__(self, linger: float = 60.0) -> None:
        self.interests: list[Interest] = []
        self.publisher = VersionPublisher(lambda update: self.replica.receive(Update.of(orjson.loads(update.encode()))))
        self.replica = VersionReplica(self.send, linger=linger)
        self.states: dict[str, CertificateState] = {}

    def send(self, interest: Interest) -> None:
        self.interests.append(interest)
        self.publisher.receive(Interest.of(orjson.loads(interest.encode())))

    async def poll(self, **states: CertificateState) -> None:
        """Poll the provider. states: by the IDs of the certificates."""
        await asyncio.sleep(0)  # the interest is sent at the end of the turn
        self.states = {f"providers/p/certificates/{each}": state for each, state in states.items()}
        watched = self.publisher.provider("p")
        poll = watched.begin()
        watched.finish(poll, {name: state for name, state in self.states.items() if poll.includes(name)})

    async def unwatched(self) -> None:
        """Return when nothing is watched."""

        async def is_unwatched() -> bool:
            return not self.publisher.provider("p").is_watched

        await eventually(is_unwatched)


def changes(subscription: VersionSubscription) -> list[tuple[str, str, int]]:
    found = []
    while (change := subscription.pop()) is not None:
        found.append((change.name[-1], change.version or change.state.phase.name, change.coalesced))
    return found


def token(states: Iterable[tuple[str, CertificateState]]) -> str:
    made = ResumeToken()
    for name, state in states:
        made.replace(name, None, state)
    return str(made)


async def test_reader_receives_the_current_state_and_then_changes() -> None:
    gateway = Gateway()
    reader = gateway.replica.subscribe([A, B])
    assert changes(reader) == []
    await gateway.poll(a=V1)
    assert sorted(changes(reader)) == [("a", "1", 0), ("b", "REMOVED", 0)]
    await gateway.poll(a=V1)
    assert changes(reader) == []
    await gateway.poll(a=V2, b=V1)
    assert sorted(changes(reader)) == [("a", "2", 0), ("b", "1", 0)]


async def test_slow_reader_receives_one_change_with_a_count() -> None:
    gateway = Gateway()
    reader = gateway.replica.subscribe([A])
    await gateway.poll(a=V1)
    assert changes(reader) == [("a", "1", 0)]
    for state in (V2, V3, V1, V2):
        await gateway.poll(a=state)
    assert reader.pending == 1
    assert changes(reader) == [("a", "2", 3)]


async def test_reader_of_everything_receives_new_and_removed_certificates() -> None:
    gateway = Gateway()
    reader = gateway.replica.subscribe(parent="providers/p")
    await gateway.poll(a=V1)
    assert changes(reader) == [("a", "1", 0)]
    await gateway.poll(b=V1)
    assert sorted(changes(reader)) == [("a", "REMOVED", 0), ("b", "1", 0)]


async def test_new_reader_receives_no_state_that_is_older_than_the_subscription() -> None:
    gateway = Gateway()
    gateway.replica.subscribe([A])
    await gateway.poll(a=V1)
    watched = gateway.publisher.provider("p")
    poll = watched.begin()  # this poll began before the new reader
    reader = gateway.replica.subscribe([A])
    fresh = asyncio.create_task(reader.fresh())
    await asyncio.sleep(0)
    watched.finish(poll, {A: V2})
    assert changes(reader) == []
    assert not fresh.done()
    await gateway.poll(a=V3)
    await fresh
    assert changes(reader) == [("a", "3", 0)]


async def test_many_readers_share_one_interest() -> None:
    gateway = Gateway()
    readers = [gateway.replica.subscribe([f"providers/p/certificates/{number}"]) for number in range(100)]
    await gateway.poll()
    assert [(len(each.names), each.is_urgent) for each in gateway.interests] == [(100, True)]
    assert all(changes(reader) for reader in readers)


async def test_failed_poll_reaches_the_readers_that_wait() -> None:
    gateway = Gateway()
    reader = gateway.replica.subscribe([A])
    waiting = asyncio.create_task(reader.fresh())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    watched = gateway.publisher.provider("p")
    kind = PollFailure(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_UNREACHABLE, "no connection")
    watched.fail(watched.begin(), kind.error("p"))
    with pytest.raises(GatewayError, match="no connection"):
        await waiting
    await gateway.poll(a=V1)
    await reader.fresh()
    assert changes(reader) == [("a", "1", 0)]


async def test_closed_subscription_ends_its_iteration_and_is_forgotten() -> None:
    gateway = Gateway(linger=0.0)
    reader = gateway.replica.subscribe([A])
    await gateway.poll(a=V1)
    assert [change.version async for change in _first(reader)] == ["1"]
    ending = asyncio.create_task(anext(aiter(reader)))
    await asyncio.sleep(0)
    reader.close()
    with pytest.raises(StopAsyncIteration):
        await ending
    await gateway.unwatched()
    assert gateway.interests[-1].is_empty


async def _first(reader: VersionSubscription):  # type: ignore[no-untyped-def]
    yield await anext(aiter(reader))


async def test_resume_token_of_a_recent_state_is_known() -> None:
    gateway = Gateway()
    reader = gateway.replica.subscribe([A, B])
    await gateway.poll(a=V1, b=V1)
    await gateway.poll(a=V2, b=V1)
    await gateway.poll(a=V3, b=V1)
    assert reader.known(token([(A, V3), (B, V1)])) == {A: V3, B: V1}
    assert reader.known(token([(B, V1), (A, V1)])) == {A: V1, B: V1}
    assert reader.known(token([(A, V2), (B, V2)])) is None
    assert reader.known("x") is None
    assert reader.known(str(ResumeToken())) is None


async def test_token_is_unknown_after_a_gap() -> None:
    gateway = Gateway(linger=0.0)
    first = gateway.replica.subscribe([A])
    await gateway.poll(a=V1)
    await gateway.poll(a=V2)
    first.close()
    await gateway.unwatched()
    second = gateway.replica.subscribe([A])
    await gateway.poll(a=V3)
    assert second.known(token([(A, V2)])) is None
    assert second.known(token([(A, V3)])) == {A: V3}


async def test_too_many_certificates_end_only_the_readers_of_everything() -> None:
    gateway = Gateway()
    everything = gateway.replica.subscribe(parent="providers/p")
    named = gateway.replica.subscribe([A])
    opening = asyncio.create_task(everything.fresh())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    watched = gateway.publisher.provider("p")
    poll = watched.begin()
    watched.end_everything(poll, GatewayError(TOO_MANY_CERTIFICATES, "too many"))
    assert not poll.includes(B)
    watched.finish(poll, {A: V1})
    with pytest.raises(GatewayError, match="too many") as caught:
        await opening
    assert (caught.value.kind.code, caught.value.kind.retryable) == (code_pb2.FAILED_PRECONDITION, False)
    with pytest.raises(GatewayError, match="too many"):
        everything.pop()
    assert changes(named) == [("a", "1", 0)]
    everything.close()
    await gateway.poll(a=V1, b=V1)
    again = gateway.replica.subscribe(parent="providers/p")
    await gateway.poll(b=V2)
    assert sorted(changes(again)) == [("b", "2", 0)]
    assert changes(named) == [("a", "REMOVED", 0)]


async def test_update_for_another_worker_is_ignored() -> None:
    gateway = Gateway()
    reader = gateway.replica.subscribe([A])
    await asyncio.sleep(0)
    gateway.replica.receive(Update(os.getpid() + 1, "p", 2**62, {A: V1}))
    assert changes(reader) == []


async def test_interrupted_reader_receives_what_it_has_not_seen() -> None:
    gateway = Gateway()
    gateway.replica.subscribe([A])
    await gateway.poll(a=V1)
    reader = gateway.replica.subscribe([A, B])
    await gateway.poll(a=V1, b=V2)
    changes(reader)
    known = reader.known(token([(A, V1)]))
    assert known == {A: V1}
    reader.report_since(known)
    assert changes(reader) == [("b", "2", 0)]


async def test_removal_that_a_killed_worker_did_not_report_is_reported_by_the_next_one() -> None:
    gateway = Gateway()
    reader = gateway.replica.subscribe(parent="providers/p")
    await gateway.poll(a=V1, b=V1)
    changes(reader)
    gateway.publisher = VersionPublisher(gateway.replica.receive)  # another worker polls from now on
    gateway.publisher.receive(gateway.interests[-1])
    await gateway.poll(b=V1)
    assert changes(reader) == [("a", "REMOVED", 0)]
    await gateway.poll(b=V1)
    assert changes(reader) == []


async def test_names_that_do_not_exist_are_forgotten_beside_a_reader_of_everything() -> None:
    gateway = Gateway(linger=0.0)
    reader = gateway.replica.subscribe(parent="providers/p")
    for number in range(20):
        other = gateway.replica.subscribe([f"providers/p/certificates/guess-{number}"])
        await gateway.poll(a=V1)
        assert [name for name, _, _ in changes(other)] == [str(number)[-1]]
        other.close()

    async def is_forgotten() -> bool:
        return not gateway.interests[-1].names

    await eventually(is_forgotten)
    await gateway.poll(a=V1)
    assert gateway.replica.current(reader).keys() == {A}
    assert reader.known(token([(A, V1)])) == {A: V1}


async def test_reader_that_comes_when_a_certificate_is_forgotten_receives_its_state() -> None:
    gateway = Gateway(linger=0.0)
    first = gateway.replica.subscribe([A])
    await gateway.poll(a=V1)
    second: list[VersionSubscription] = []
    first.close()
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time(), lambda: second.append(gateway.replica.subscribe([A])))  # in the turn that forgets it

    async def is_subscribed() -> bool:
        return bool(second)

    await eventually(is_subscribed)
    await gateway.poll(a=V1)
    assert changes(second[0]) == [("a", "1", 0)]


async def test_number_of_watched_names_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "MAXIMUM_LINGERING", 3)
    monkeypatch.setattr(replica, "MAXIMUM_NAMES", 5)
    gateway = Gateway()
    for number in range(20):  # readers that leave do not use up the limit
        gateway.replica.subscribe([f"providers/p/certificates/guess-{number}"]).close()
    gateway.replica.subscribe([A, B])
    with pytest.raises(GatewayError, match="5 certificates of p by name, the maximum"):
        gateway.replica.subscribe(["providers/p/certificates/c"])
    gateway.replica.subscribe([A, B])
    await gateway.poll()
    assert gateway.interests[-1].names == {A, B, *(f"providers/p/certificates/guess-{n}" for n in (17, 18, 19))}
