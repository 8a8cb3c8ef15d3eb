"""Shared fixtures of the integration tests."""

import pytest

from tests.support.asteria import Warp
from tests.support.stack import Stack


@pytest.fixture
async def warp(running_stack: Stack) -> Warp:
    """Return a reset ASTERIA server with an empty history, behind the gateway of the stack, which is logged in."""
    warp = Warp(running_stack, running_stack.gateway)
    await warp.start_anew()
    return warp
