"""Which acknowledged records count as safe."""

from gateway.audit.segments import Position
from gateway.audit.shipping.cursor import Cursor
from gateway.audit.shipping.safety import Safety


def place(sequence: int) -> Cursor:
    return Cursor("gw-1", sequence, "0" * 64, Position(1, sequence * 100))


def test_an_acknowledged_record_is_safe_once_the_collector_has_lived_on_for_the_rewind() -> None:
    safety = Safety(10)
    assert safety.acknowledged(100.0, place(1)) is None
    assert [safety.acknowledged(100.0 + second, None) for second in range(1, 10)] == [None] * 9
    assert safety.unsafe
    assert safety.acknowledged(110.0, None) == place(1)
    assert not safety.unsafe


def test_the_acknowledgement_of_later_records_shows_life_and_makes_only_the_earlier_ones_safe() -> None:
    safety = Safety(10)
    safe = [safety.acknowledged(float(second), place(second)) for second in range(1, 13)]
    assert safe[:10] == [None] * 10
    assert safe[10:] == [place(1), place(2)]
    assert safety.unsafe


def test_several_places_that_become_safe_at_once_are_told_by_the_last() -> None:
    safety = Safety(1)
    for moment in (0.0, 0.01, 0.02):
        assert safety.acknowledged(moment, place(round(moment * 100) + 1)) is None
    for tenth in range(1, 10):
        assert safety.acknowledged(tenth / 10 + 0.02, None) is None
    assert safety.acknowledged(1.03, None) == place(3)


def test_a_collector_that_hung_in_between_has_not_shown_that_it_flushed() -> None:
    safety = Safety(10)
    safety.acknowledged(0.0, place(1))
    assert safety.acknowledged(3600.0, None) is None
    assert [safety.acknowledged(3600.0 + second, None) for second in range(1, 8)] == [None] * 7
    assert safety.acknowledged(3608.0, None) == place(1)


def test_signs_of_life_at_the_pulse_count_in_full() -> None:
    safety = Safety(10)
    safety.acknowledged(0.0, place(1))
    moment, safe = 0.0, None
    while safe is None and moment < 100:
        moment += safety.pulse
        safe = safety.acknowledged(moment, None)
    assert safe == place(1)
    assert 10 <= moment <= 10 + safety.pulse
