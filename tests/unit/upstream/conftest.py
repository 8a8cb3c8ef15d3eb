"""Fixtures that run the tests of the HTTP client with both transports, on the event loop of the gateway."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.support import upstream_client


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test of this folder on uvloop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module", params=["http1", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the transport of the clients that `upstream_client.client` creates, for a whole module."""
    before, upstream_client.chosen.transport = upstream_client.chosen.transport, request.param
    yield request.param
    upstream_client.chosen.transport = before
