"""Fixtures that several integration tests share."""

import pytest

from tests.support.asteria import Warp
from tests.support.stack import Stack


@pytest.fixture
async def warp(running_stack: Stack) -> Warp:
    """A freshly seeded ASTERIA server behind the stack's gateway, which is logged in; nothing was asked yet."""
    warp = Warp(running_stack, running_stack.gateway)
    await warp.start_anew()
    return warp
