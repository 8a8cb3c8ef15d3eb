"""How long strangers wait for their answers: by peer, by all of them together, and within bounds."""

import asyncio

import pytest

from gateway.server.tarpit import Pacing
from tests.support.waiting import eventually

A, B = "192.0.2.1", "192.0.2.2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacing(clock: Clock) -> Pacing:
    return Pacing(clock)


def test_first_refusals_are_answered_at_once_and_the_others_one_after_the_other(pacing: Pacing) -> None:
    delays = [pacing.delay(A) for _ in range(60)]
    assert delays[:20] == [0.0] * 20
    assert delays[20:] == pytest.approx([0.05 * number for number in range(1, 41)])


def test_after_a_rest_answers_are_at_once_again(pacing: Pacing, clock: Clock) -> None:
    for _ in range(40):
        pacing.delay(A)
    clock.now += 3
    assert [pacing.delay(A) for _ in range(20)] == [0.0] * 20
    assert pacing.delay(A) > 0


def test_one_peer_does_not_slow_another_down_until_all_together_are_too_many(pacing: Pacing) -> None:
    for _ in range(60):
        pacing.delay(A)
    assert pacing.delay(B) == 0.0
    for number in range(39):
        assert pacing.delay(f"198.51.100.{number}") == 0.0
    assert pacing.delay("203.0.113.1") > 0


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", A, True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
    ],
)
def test_peers_of_one_network_are_one(pacing: Pacing, first: str, second: str, same: bool) -> None:
    for _ in range(30):
        pacing.delay(first)
    assert (pacing.delay(second) > 0) == same


def test_memory_is_bounded_and_peers_at_rest_are_forgotten(pacing: Pacing, clock: Clock) -> None:
    for number in range(5000):
        pacing.delay(f"10.0.{number // 256}.{number % 256}")
    assert pacing.remembered == 1024
    clock.now += 100
    pacing.delay(A)
    assert pacing.remembered == 1


def test_no_answer_waits_for_ever(pacing: Pacing) -> None:
    assert max(pacing.delay(A) for _ in range(10_000)) == 30.0


async def test_end_lets_all_answers_go(pacing: Pacing) -> None:
    waiting = [asyncio.create_task(pacing.turn(A)) for _ in range(50)]

    async def held() -> bool:
        return pacing.waiting == 30

    await eventually(held)
    waiting[-1].cancel()
    pacing.end()
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting, return_exceptions=True)
        await pacing.turn(A)
    assert pacing.waiting == 0


async def test_answers_that_are_held_back_are_bounded(pacing: Pacing) -> None:
    waiting = [asyncio.create_task(pacing.turn(A)) for _ in range(2100)]

    async def full() -> bool:
        return pacing.waiting == 2000

    await eventually(full)
    assert sum(task.done() for task in waiting) == 100
    pacing.end()
    await asyncio.gather(*waiting)
