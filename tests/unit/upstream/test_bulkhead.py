"""The bulkhead: slots, and the order of waiting requests."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.upstream.bulkhead import Bulkhead, Dismissed, QueueFull

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Waiting:
    """Tasks that wait for a slot, and the order in which they got one."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self.bulkhead = bulkhead
        self.order: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, *names: str) -> None:
        """Start one more task per name. The first letter of the name is the lane."""
        for name in names:
            self.tasks.append(asyncio.create_task(self._wait(name), name=name))
            await asyncio.sleep(0)

    async def _wait(self, name: str) -> None:
        await self.bulkhead.wait(name[0], 60)
        self.order.append(name)

    async def free(self, count: int) -> None:
        for _ in range(count):
            self.bulkhead.leave()
            for _ in range(3):
                await asyncio.sleep(0)

    def ended_with(self, kind: type[BaseException]) -> list[str]:
        return [task.get_name() for task in self.tasks if task.done() and isinstance(task.exception(), kind)]


def full(places: int = 1, queue: int = 100) -> Bulkhead:
    bulkhead = Bulkhead(places, queue)
    while bulkhead.enter():
        pass
    return bulkhead


async def test_slots_are_counted() -> None:
    bulkhead = Bulkhead(2, 0)
    assert [bulkhead.enter() for _ in range(3)] == [True, True, False]
    assert bulkhead.taken == 2
    bulkhead.leave()
    assert bulkhead.taken == 1
    assert bulkhead.enter()


async def test_lanes_take_turns_so_that_a_batch_does_not_delay_single_calls() -> None:
    waiting = Waiting(full())
    await waiting.come("b1", "b2", "b3", "b4", "x1", "y1")
    assert waiting.bulkhead.queued == 6
    await waiting.free(6)
    assert waiting.order == ["b1", "x1", "y1", "b2", "b3", "b4"]
    assert (waiting.bulkhead.queued, waiting.bulkhead.taken) == (0, 1)


async def test_new_request_does_not_overtake_waiting_requests() -> None:
    waiting = Waiting(full())
    await waiting.come("a1")
    waiting.bulkhead.leave()
    assert not waiting.bulkhead.enter()
    await asyncio.gather(*waiting.tasks)


async def test_full_queue_rejects_requests() -> None:
    waiting = Waiting(full(queue=2))
    await waiting.come("a1", "b1", "c1")
    assert waiting.ended_with(QueueFull) == ["c1"]
    await waiting.free(2)


async def test_longest_lane_of_a_full_queue_makes_room() -> None:
    waiting = Waiting(full(queue=3))
    await waiting.come("b1", "b2", "b3", "x1", "b4")
    await asyncio.sleep(0)
    assert waiting.ended_with(QueueFull) == ["b3", "b4"]
    await waiting.free(3)
    assert waiting.order == ["b1", "x1", "b2"]


async def test_request_fails_immediately_without_a_queue() -> None:
    with pytest.raises(QueueFull):
        await full(queue=0).wait("a", 60)


async def test_wait_times_out() -> None:
    bulkhead = full()
    with pytest.raises(TimeoutError):
        await bulkhead.wait("a", 0.01)
    assert bulkhead.queued == 0
    bulkhead.leave()
    assert bulkhead.taken == 0


@pytest.mark.parametrize("first", ["leave", "cancel"])
async def test_slot_granted_to_a_canceled_request_is_returned(first: str) -> None:
    waiting = Waiting(full())
    await waiting.come("a1", "b1")
    acts: list[Callable[[], object]] = [waiting.bulkhead.leave, waiting.tasks[0].cancel]
    for act in acts if first == "leave" else reversed(acts):
        act()
    await asyncio.wait(waiting.tasks)
    assert waiting.order == ["b1"]
    waiting.bulkhead.leave()
    assert (waiting.bulkhead.queued, waiting.bulkhead.taken) == (0, 0)


async def test_all_waiting_requests_can_be_dismissed() -> None:
    waiting = Waiting(full())
    await waiting.come("a1", "b1", "a2")
    waiting.bulkhead.dismiss()
    await asyncio.wait(waiting.tasks)
    assert waiting.ended_with(Dismissed) == ["a1", "b1", "a2"]
    assert (waiting.bulkhead.queued, waiting.bulkhead.taken) == (0, 1)
