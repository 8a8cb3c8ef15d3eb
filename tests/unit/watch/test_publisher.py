"""The updates of the worker that polls: what each worker receives, and what a poll has to read."""

import orjson

from gateway.errors import TOO_MANY_CERTIFICATES, GatewayError
from gateway.watch.messages import Interest, Update
from gateway.watch.publisher import VersionPublisher
from gateway.watch.states import REMOVED, CertificateState, Phase

A, B = "providers/p/certificates/a", "providers/p/certificates/b"
V1, V2 = (CertificateState(Phase.VALID, version) for version in ("1", "2"))


async def test_another_worker_receives_all_states_of_its_certificates() -> None:
    sent: list[Update] = []
    publisher = VersionPublisher(sent.append)
    publisher.receive(Interest(1, "p", 1, frozenset({A}), urgent=frozenset({A})))
    watched = publisher.provider("p")
    watched.finish(watched.begin(), {A: V1})
    publisher.receive(Interest(2, "p", 1, frozenset({A, B}), urgent=frozenset({A, B})))
    watched.finish(watched.begin(), {A: V1})
    assert [(each.worker, dict(each.changes)) for each in sent] == [
        (1, {A: V1}),
        (1, {}),
        (2, {A: V1, B: REMOVED}),
    ]


async def test_many_changes_are_sent_in_parts() -> None:
    sent: list[Update] = []
    publisher = VersionPublisher(sent.append)
    names = [f"providers/p/certificates/{number}" for number in range(450)]
    publisher.receive(Interest(1, "p", 1, frozenset(names)))
    watched = publisher.provider("p")
    watched.finish(watched.begin(), dict.fromkeys(names, V1))
    assert [(len(each.changes), each.is_last) for each in sent] == [(200, False), (200, False), (50, True)]


async def test_poll_for_readers_reads_and_reports_only_what_they_wait_for() -> None:
    sent: list[Update] = []
    publisher = VersionPublisher(sent.append)
    publisher.receive(Interest(1, "p", 1, frozenset({A}), everything=True))
    watched = publisher.provider("p")
    watched.finish(watched.begin(), {A: V1, B: V1})
    sent.clear()
    publisher.receive(Interest(2, "p", 1, frozenset({A, B}), urgent=frozenset({A})))
    poll = watched.begin(urgent=True)
    assert not poll.everything
    assert poll.names == {A}
    watched.finish(poll, {A: V2})
    assert [(each.worker, dict(each.changes), each.is_complete) for each in sent] == [
        (1, {A: V2}, False),
        (2, {A: V2}, False),
    ]
    assert watched.begin(urgent=True).names == frozenset()


async def test_readers_still_wait_after_a_failed_poll() -> None:
    publisher = VersionPublisher(lambda _: None)
    publisher.receive(Interest(1, "p", 1, frozenset({A}), urgent=frozenset({A})))
    watched = publisher.provider("p")
    watched.fail(watched.begin(urgent=True), GatewayError(TOO_MANY_CERTIFICATES, "failed"))
    assert watched.begin(urgent=True).names == {A}


def test_interest_is_the_same_after_encoding() -> None:
    for interest in (
        Interest(1, "p", 2, frozenset({A, B}), everything=True, urgent=frozenset({B})),
        Interest(1, "p", 2, frozenset({A}), urgent=frozenset({A}), urgent_everything=True),
        Interest(1, "p", 3),
    ):
        assert Interest.of(orjson.loads(interest.encode())) == interest
