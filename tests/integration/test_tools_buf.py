"""`buf curl`, which learns the contract through reflection."""

import asyncio
from pathlib import Path

import pytest

from gateway.contract.methods import METHODS, SERVICES
from tests.support.stack import Stack
from tests.support.tools import BufCurl

HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
NOT_FOUND = 5 << 3  # the exit code of buf is eight times the status code


@pytest.fixture
def buf(quiet_stack: Stack, tmp_path: Path) -> BufCurl:
    return BufCurl(quiet_stack.gateway.address, tmp_path)


async def test_reflection_lists_every_service(buf: BufCurl) -> None:
    listed = await buf.run("--list-services")

    assert listed.code == 0
    assert listed.output.decode().split() == sorted([*SERVICES, HEALTH, REFLECTION])


async def test_reflection_lists_every_method_of_the_contract(buf: BufCurl) -> None:
    listed = await buf.run("--list-methods")

    assert listed.code == 0
    own = [method for method in listed.output.decode().split() if method.startswith("keyway.")]
    assert own == sorted(method.full_name for method in METHODS)


async def test_failure_is_printed_with_its_reason(buf: BufCurl) -> None:
    failed = await buf.call("keyway.v1.ProviderService/GetProvider", {"name": "providers/nobody"})

    assert failed.code == NOT_FOUND
    assert '"code": "not_found"' in failed.errors
    assert '"message": "providers/nobody does not exist"' in failed.errors
    assert '"type": "google.rpc.ErrorInfo"' in failed.errors


async def test_health_is_serving_for_the_server_and_for_each_service(buf: BufCurl) -> None:
    answers = await asyncio.gather(
        *(buf.call(f"{HEALTH}/Check", {"service": service}) for service in ("", *SERVICES)),
    )

    assert [answer.json() for answer in answers] == [{"status": "SERVING"}] * (1 + len(SERVICES))


async def test_health_of_an_unknown_service_is_not_found(buf: BufCurl) -> None:
    failed = await buf.call(f"{HEALTH}/Check", {"service": "keyway.v1.Nothing"})

    assert failed.code == NOT_FOUND
    assert '"code": "not_found"' in failed.errors
