"""Waiting for what another process does, which no event of this one tells."""

import asyncio
from collections.abc import Awaitable, Callable

_PAUSE_SECONDS = 0.01


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Return as soon as the condition holds; an AssertionError where it does not within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - another process's state has no event
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        raise AssertionError(f"it did not happen within {seconds} s") from None
