"""Fixtures for the tests that need the whole stack."""

from collections.abc import AsyncIterator

import pytest

from keyway.v1.provider_service_pb2 import CheckProviderRequest
from tests.support.stack import Stack


@pytest.fixture(scope="session")
async def running_stack() -> AsyncIterator[Stack]:
    """One gateway over three emulators for the whole session: real gRPC and real HTTP on real sockets."""
    async with Stack() as stack:
        yield stack


@pytest.fixture
async def stack(running_stack: Stack) -> Stack:
    """The stack with freshly seeded emulators: no armed faults, no history, the default objects."""
    await running_stack.reset()
    return running_stack


@pytest.fixture(scope="module")
async def seeded_stack(running_stack: Stack) -> Stack:
    """The stack, freshly seeded for this module, with a live ASTERIA session."""
    await running_stack.reset()
    await running_stack.gateway.providers.CheckProvider(CheckProviderRequest(name="providers/asteria"))
    return running_stack


@pytest.fixture
async def quiet_stack(seeded_stack: Stack) -> Stack:
    """The stack for tests that change nothing upstream: no armed faults and no history, and no time lost on a reset."""
    for control in seeded_stack.controls.values():
        await control.call("DELETE", "/faults")
        await control.forget_requests()
    return seeded_stack
