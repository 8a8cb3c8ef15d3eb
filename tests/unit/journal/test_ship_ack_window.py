"""The acknowledgement window: which acknowledged records are safe."""

from gateway.journal.format.cursor import Cursor
from gateway.journal.format.segments import ChainPosition
from gateway.journal.ship.ack_window import AckWindow


def place(sequence: int) -> Cursor:
    return Cursor("gw-1", sequence, "0" * 64, ChainPosition(1, sequence * 100))


def lives(safety: AckWindow, *moments: float) -> None:
    for moment in moments:
        safety.alive(moment)


def test_record_is_safe_after_the_rewind_and_another_accepted_record() -> None:
    safety = AckWindow(10)
    assert safety.acknowledged(100.0, place(1)) is None
    for second in range(1, 10):
        assert not safety.can_make_safe(100.0 + second)
        safety.alive(100.0 + second)
    assert safety.can_make_safe(110.0)
    safety.alive(110.0)
    assert safety.unsafe
    assert safety.acknowledged(110.0, None) == place(1)
    assert not safety.unsafe
    assert not safety.can_make_safe(200.0)


def test_later_records_make_only_earlier_ones_safe() -> None:
    safety = AckWindow(10)
    safe = [safety.acknowledged(float(second), place(second)) for second in range(1, 13)]
    assert safe[:10] == [None] * 10
    assert safe[10:] == [place(1), place(2)]
    assert safety.unsafe


def test_all_records_become_safe_with_the_last_one() -> None:
    safety = AckWindow(1)
    for moment in (0.0, 0.01, 0.02):
        assert safety.acknowledged(moment, place(round(moment * 100) + 1)) is None
    lives(safety, *(tenth / 10 for tenth in range(1, 11)))
    assert not safety.can_make_safe(1.01)
    assert safety.can_make_safe(1.03)
    assert safety.acknowledged(1.03, None) == place(3)


def test_pause_of_a_hanging_collector_does_not_count() -> None:
    safety = AckWindow(10)
    safety.acknowledged(0.0, place(1))
    assert not safety.can_make_safe(3600.0)
    lives(safety, *(3600.0 + second for second in range(8)))
    assert not safety.can_make_safe(3607.0)
    assert safety.acknowledged(3608.0, None) == place(1)


def test_liveness_checks_at_the_interval_count_in_full() -> None:
    safety = AckWindow(10)
    safety.acknowledged(0.0, place(1))
    moment = 0.0
    while not safety.can_make_safe(moment) and moment < 100:
        safety.alive(moment)
        moment += safety.liveness_interval
    assert 10 <= moment <= 10 + safety.liveness_interval
