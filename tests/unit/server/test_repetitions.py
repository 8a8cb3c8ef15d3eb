"""Repetitions of calls: when they are counted, when the count is recorded, and what ends a count."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.authz.decision import Decision
from gateway.identity.caller import Caller
from gateway.server import repetitions
from gateway.server.repetitions import RepeatedCall, Repetitions
from tests.support.call_details import call_details
from tests.support.ocsf import ocsf_violations

ALICE = Caller("spiffe://example.org/alice", "spiffe")
DETAILS = call_details("ListAuditRecords", caller=ALICE, resources=[("keyway.dev/AuditLog", "auditLogs/-")])
METHOD = "keyway.v1.AuditService/ListAuditRecords"
CALL = RepeatedCall(ALICE, "10.0.0.1", "", METHOD, b"digest", tuple(DETAILS.decisions))
HOUR = 3600.0


class JournalFull(Exception):
    """The journal takes no record."""


class Recorded:
    """Repetitions with a clock that the test sets, and the events that they append."""

    def __init__(self) -> None:
        self.now = 100 * HOUR + 60
        self.full = False
        self.events: list[dict[str, Any]] = []
        self.repetitions = Repetitions(self._append, JournalFull, lambda: self.now)

    def _append(self, body: bytes) -> None:
        if self.full:
            raise JournalFull
        self.events.append(json.loads(body))


@pytest.fixture
async def recorded() -> Recorded:
    """Return a recorder with the first call of an hour."""
    made = Recorded()
    made.repetitions.begin(CALL, DETAILS)
    return made


async def test_repetitions_become_one_event_at_the_stop(recorded: Recorded) -> None:
    for second in range(3):
        recorded.now += second
        assert recorded.repetitions.count(CALL)
    recorded.repetitions.flush()
    recorded.repetitions.flush()

    (event,) = recorded.events
    assert ocsf_violations(event) == []
    assert event["metadata"]["event_code"] == "repetitions"
    assert event["count"] == 3
    assert (event["start_time"], event["end_time"]) == ((100 * HOUR + 60) * 1000, (100 * HOUR + 63) * 1000)
    assert event["unmapped"]["first_request_uid"] == DETAILS.request_id
    assert "request" not in event["api"]
    assert "observables" not in event
    assert event["src_endpoint"]["ip"] == "10.1.2.3"


async def test_hour_ends_the_count(recorded: Recorded) -> None:
    recorded.repetitions.count(CALL)
    recorded.now = 101 * HOUR
    assert not recorded.repetitions.known(CALL)
    assert not recorded.repetitions.count(CALL)
    recorded.repetitions.begin(CALL, DETAILS)

    assert [event["count"] for event in recorded.events] == [1]
    assert recorded.repetitions.known(CALL)


async def test_call_without_repetitions_has_no_event(recorded: Recorded) -> None:
    recorded.repetitions.flush()
    assert recorded.events == []


@pytest.mark.parametrize(
    "other",
    [
        CALL._replace(caller=Caller("spiffe://example.org/bob", "spiffe")),
        CALL._replace(host="10.9.9.9"),
        CALL._replace(method="keyway.v1.AuditService/GetAuditRecord"),
        CALL._replace(request=b"another"),
        CALL._replace(decisions=(Decision("ListAuditRecords", "keyway.dev/AuditLog", "auditLogs/-", True, ("new",)),)),
    ],
    ids=["caller", "address", "method", "request", "policy"],
)
async def test_different_call_is_not_a_repetition(recorded: Recorded, other: RepeatedCall) -> None:
    assert not recorded.repetitions.known(other)
    assert not recorded.repetitions.count(other)


async def test_count_is_kept_while_the_journal_is_full(recorded: Recorded) -> None:
    recorded.repetitions.count(CALL)
    recorded.now, recorded.full = 101 * HOUR, True
    recorded.repetitions.begin(CALL, DETAILS)
    assert recorded.events == []
    recorded.full = False
    recorded.repetitions.flush()
    assert [event["count"] for event in recorded.events] == [1]


async def test_number_of_counted_calls_is_limited(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repetitions, "_MAXIMUM_CALLS", 2)
    second, third = CALL._replace(request=b"second"), CALL._replace(request=b"third")
    recorded.repetitions.begin(second, DETAILS)
    recorded.repetitions.begin(third, replace(DETAILS))
    assert recorded.repetitions.known(second)
    assert not recorded.repetitions.known(third)
