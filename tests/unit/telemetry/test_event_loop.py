"""The lag of the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from gateway.telemetry.event_loop import INTERVAL_SECONDS, EventLoopLag
from tests.support.clock import ManualClock
from tests.support.waiting import eventually

BLOCKED_SECONDS = 0.5


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def lag(clock: ManualClock) -> AsyncIterator[EventLoopLag]:
    measuring = EventLoopLag(clock)
    yield measuring
    measuring.close()


async def test_blocked_event_loop_is_measured_for_every_reader() -> None:
    lag = EventLoopLag()
    blocker = threading.Event()
    blocker.wait(BLOCKED_SECONDS)  # blocks the event loop
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    first, second = lag.maximum(), lag.maximum()
    lag.close()
    assert first == second >= BLOCKED_SECONDS - INTERVAL_SECONDS


async def test_lag_is_visible_while_the_event_loop_is_blocked(lag: EventLoopLag, clock: ManualClock) -> None:
    clock.now += INTERVAL_SECONDS + 3
    assert lag.maximum() == pytest.approx(3)


async def test_no_lag_grows_after_the_end(lag: EventLoopLag, clock: ManualClock) -> None:
    lag.close()
    clock.now += 3
    assert lag.maximum() == 0


async def test_lag_is_forgotten_after_about_a_minute(lag: EventLoopLag, clock: ManualClock) -> None:
    clock.now += INTERVAL_SECONDS + 3

    async def recorded() -> bool:
        return lag._due is not None and lag._due > clock.now

    await eventually(recorded)
    lag.close()
    clock.now += 59
    assert lag.maximum() == pytest.approx(3)
    clock.now += 7
    assert lag.maximum() == 0
