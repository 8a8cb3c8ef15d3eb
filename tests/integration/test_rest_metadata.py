"""The trailers of a response as initial metadata, for programs that convert REST."""

from typing import Any

import pytest

from keyway.v1 import provider_service_pb2 as providers
from tests.support.stack import Stack

REQUEST_ID = "keyway-request-id"
RECEIPT = "keyway-audit-receipt"


async def initial_and_trailing(running_stack: Stack, metadata: list[tuple[str, str]]) -> tuple[Any, Any]:
    call: Any = running_stack.gateway.providers.ListProviders(providers.ListProvidersRequest(), metadata=metadata)
    await call
    return dict(await call.initial_metadata()), dict(await call.trailing_metadata())


async def test_rest_caller_gets_the_trailers_first(running_stack: Stack) -> None:
    initial, trailing = await initial_and_trailing(running_stack, [("keyway-surface", "rest")])
    assert initial[REQUEST_ID] == trailing[REQUEST_ID]
    assert trailing.items() <= initial.items()


@pytest.mark.parametrize("surface", ["", "kms-v2", "REST"])
async def test_other_callers_get_them_at_the_end_only(running_stack: Stack, surface: str) -> None:
    initial, trailing = await initial_and_trailing(running_stack, [("keyway-surface", surface)])
    assert REQUEST_ID in trailing
    assert not {REQUEST_ID, RECEIPT} & initial.keys()
