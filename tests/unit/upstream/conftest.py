"""Both of what can carry requests: tests of the client hold for each, on the event loop that the gateway runs on."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.unit.upstream import support


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test here runs on uvloop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module", params=["http1", "aiohttp"])
def transport(request: pytest.FixtureRequest) -> Iterator[str]:
    """What `support.client` makes clients with, for a whole module."""
    before, support.chosen.transport = support.chosen.transport, request.param
    yield request.param
    support.chosen.transport = before
