"""The delays of the tarpit: per peer, in total, and within bounds."""

import asyncio

import pytest

from gateway.server.tarpit import Tarpit
from tests.support.clock import ManualClock
from tests.support.waiting import eventually

A, B = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tarpit(clock: ManualClock) -> Tarpit:
    return Tarpit(clock)


def test_first_responses_are_immediate_and_later_ones_are_delayed(tarpit: Tarpit) -> None:
    delays = [tarpit.delay(A) for _ in range(60)]
    assert delays[:20] == [0.0] * 20
    assert delays[20:] == pytest.approx([0.05 * number for number in range(1, 41)])


def test_responses_after_idle_time_are_immediate(tarpit: Tarpit, clock: ManualClock) -> None:
    for _ in range(40):
        tarpit.delay(A)
    clock.now += 3
    assert [tarpit.delay(A) for _ in range(20)] == [0.0] * 20
    assert tarpit.delay(A) > 0


def test_peers_are_independent_up_to_the_total_rate(tarpit: Tarpit) -> None:
    for _ in range(60):
        tarpit.delay(A)
    assert tarpit.delay(B) == 0.0
    for number in range(39):
        assert tarpit.delay(f"198.51.100.{number}") == 0.0
    assert tarpit.delay("203.0.113.1") > 0


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
def test_peers_of_one_ipv6_network_share_a_rate(tarpit: Tarpit, first: str, second: str, same: bool) -> None:
    for _ in range(30):
        tarpit.delay(first)
    assert (tarpit.delay(second) > 0) == same


def test_tracked_peers_are_bounded_and_idle_ones_forgotten(tarpit: Tarpit, clock: ManualClock) -> None:
    for number in range(5000):
        tarpit.delay(f"10.0.{number // 256}.{number % 256}")
    assert tarpit.tracked_peers == 1024
    clock.now += 100
    tarpit.delay(A)
    assert tarpit.tracked_peers == 1


def test_delay_has_a_maximum(tarpit: Tarpit) -> None:
    assert max(tarpit.delay(A) for _ in range(10_000)) == 30.0


async def test_stop_releases_all_responses(tarpit: Tarpit) -> None:
    waiting = [asyncio.create_task(tarpit.delay_response(A)) for _ in range(50)]

    async def held() -> bool:
        return tarpit.delayed == 30

    await eventually(held)
    waiting[-1].cancel()
    tarpit.stop()
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting, return_exceptions=True)
        await tarpit.delay_response(A)
    assert tarpit.delayed == 0


async def test_delayed_responses_are_bounded(tarpit: Tarpit) -> None:
    waiting = [asyncio.create_task(tarpit.delay_response(A)) for _ in range(2100)]

    async def full() -> bool:
        return tarpit.delayed == 2000

    await eventually(full)
    assert sum(task.done() for task in waiting) == 100
    tarpit.stop()
    await asyncio.gather(*waiting)
