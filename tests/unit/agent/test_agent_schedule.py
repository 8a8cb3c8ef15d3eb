"""When the agent installs a certificate."""

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from keyway.agent.schedule import Schedule, Window, share_of_host

NOON = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)  # a Wednesday
NIGHT = Window(frozenset({5, 6}), dt.time(23), dt.time(2))
FAR = NOON + dt.timedelta(days=60)


def test_jitter_delays_by_the_share_of_the_host() -> None:
    schedule = Schedule(jitter=600)
    assert schedule.due(NOON, 0.5, FAR) == NOON + dt.timedelta(minutes=5)


def test_first_certificate_does_not_wait() -> None:
    assert Schedule(windows=(NIGHT,), jitter=600).due(NOON, 0.5, None) == NOON


def test_installation_waits_for_the_next_window() -> None:
    schedule = Schedule(windows=(NIGHT,), jitter=3600)
    saturday = dt.datetime(2026, 11, 28, 23, 0, tzinfo=dt.UTC)
    assert schedule.due(NOON, 0.0, FAR) == saturday
    assert schedule.due(NOON, 0.5, FAR) == saturday + dt.timedelta(minutes=30)


def test_window_over_midnight_is_open_on_the_next_day() -> None:
    schedule = Schedule(windows=(NIGHT,))
    monday = dt.datetime(2026, 11, 30, 1, 0, tzinfo=dt.UTC)
    assert schedule.is_open(monday)
    assert not schedule.is_open(monday + dt.timedelta(hours=1))


def test_window_has_the_time_of_its_zone() -> None:
    schedule = Schedule(windows=(Window(frozenset(range(7)), dt.time(2), dt.time(4)),), zone=ZoneInfo("Asia/Seoul"))
    assert schedule.due(NOON, 0.0, FAR) == dt.datetime(2026, 11, 25, 17, 0, tzinfo=dt.UTC)


def test_near_expiry_does_not_wait() -> None:
    schedule = Schedule(windows=(NIGHT,), jitter=600, override_seconds=86400)
    assert schedule.due(NOON, 0.5, NOON + dt.timedelta(hours=20)) == NOON
    assert schedule.due(NOON, 0.5, NOON + dt.timedelta(hours=30)) == NOON + dt.timedelta(hours=6)


@given(
    now=st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1)),
    share=st.floats(0, 1),
    jitter=st.integers(0, 200_000),
)
def test_due_time_is_in_a_window(now: dt.datetime, share: float, jitter: int) -> None:
    schedule = Schedule(windows=(NIGHT,), zone=ZoneInfo("Europe/Berlin"), jitter=jitter)
    moment = now.replace(tzinfo=dt.UTC)
    due = schedule.due(moment, share, moment + dt.timedelta(days=60))
    assert due >= moment
    assert schedule.is_open(due)


def test_share_differs_between_certificates_and_stays() -> None:
    shares = {share_of_host("www", f"version-{number}") for number in range(100)}
    assert len(shares) == 100
    assert all(0 <= share < 1 for share in shares)
    assert share_of_host("www", "version-1") in shares
