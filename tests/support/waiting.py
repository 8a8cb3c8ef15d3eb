"""Waiting for a state of another process, for which this process has no event."""

import asyncio
from collections.abc import Awaitable, Callable

_PAUSE_SECONDS = 0.01


async def eventually(
    condition: Callable[[], Awaitable[bool]], seconds: float = 20.0, *, otherwise: Callable[[], str] = str
) -> None:
    """Return as soon as the condition is true. Raise AssertionError if it is not true within `seconds`.

    otherwise: returns more text for this error.
    """
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - there is no event for the state of another process
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        raise AssertionError(f"the condition was not true within {seconds} s. {otherwise()}") from None
