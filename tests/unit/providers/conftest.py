"""A scripted upstream, and adapters over it."""

from collections.abc import AsyncIterator

import pytest

from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from tests.support.providers import asteria_samples, secure_key_manager
from tests.support.scripted_upstream import ScriptedUpstream


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
async def asteria(upstream: ScriptedUpstream) -> AsyncIterator[AsteriaProvider]:
    """Yield an ASTERIA provider with a fixed session."""
    async with asteria_samples.provider(upstream) as provider:
        yield provider


@pytest.fixture
async def adapter(upstream: ScriptedUpstream) -> AsyncIterator[SecureKeyManager]:
    """Yield a Secure Key Manager provider of v1.0 without credentials."""
    async with secure_key_manager.connected(upstream) as connected:
        yield connected
