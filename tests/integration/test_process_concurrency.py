"""Many concurrent callers: all calls are answered, and connections, files, and tasks are released."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import grpc
import pytest

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import certificate_service_pb2_grpc, key_service_pb2_grpc, provider_service_pb2_grpc
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.processes import Process, write_config
from tests.support.raw_server import RawServer, Reader, Writer, read_request
from tests.support.stack import KEY_MANAGER, Gateway, Stack
from tests.support.waiting import eventually

CALLS = 200
CONNECTIONS = 4
"""The maximum number of connections to each provider."""

KEY = "providers/nhn-keys/keys/orders-key"


def mixed_calls(channel: grpc.aio.Channel, count: int) -> list[Awaitable[Any]]:
    """Make concurrent calls of many methods and of every provider."""
    certificate_stub = certificate_service_pb2_grpc.CertificateServiceStub(channel)
    key_stub = key_service_pb2_grpc.KeyServiceStub(channel)
    provider_stub = provider_service_pb2_grpc.ProviderServiceStub(channel)
    calls: list[Awaitable[Any]] = []
    for number in range(count):
        match number % 8:
            case 0:
                request = keys.EncryptRequest(name=KEY, plaintext=str(number).encode())
                calls.append(key_stub.Encrypt(request, timeout=30))
            case 1:
                secret = keys.GetSecretRequest(name="providers/nhn-keys/secrets/demo-secret")
                calls.append(key_stub.GetSecret(secret, timeout=30))
            case 2:
                calls.append(key_stub.GenerateDataKey(keys.GenerateDataKeyRequest(name=KEY), timeout=30))
            case 3:
                items = [keys.EncryptRequest(name=KEY, plaintext=b"1"), keys.EncryptRequest(name=KEY, plaintext=b"2")]
                calls.append(key_stub.BatchEncrypt(keys.BatchEncryptRequest(requests=items), timeout=30))
            case 4:
                listing = certificates.ListCertificatesRequest(parent="providers/nhn-certs")
                calls.append(certificate_stub.ListCertificates(listing, timeout=30))
            case 5:
                file = certificates.DownloadCertificateRequest(name="providers/nhn-certs/certificates/www.example.com")
                calls.append(certificate_stub.DownloadCertificate(file, timeout=30))
            case 6:
                check = certificates.CheckCertificateRequest(name="providers/asteria/certificates/server")
                calls.append(certificate_stub.CheckCertificate(check, timeout=30))
            case 7:
                calls.append(provider_stub.ListProviders(providers.ListProvidersRequest(), timeout=30))
    return calls


async def test_200_concurrent_calls_are_answered_and_release_their_resources(
    quiet_stack: Stack, tmp_path: Path
) -> None:
    chosen = [
        quiet_stack.provider(name, maximum_connections=CONNECTIONS) for name in ("nhn-certs", "nhn-keys", "asteria")
    ]
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, chosen)
    async with Process(tmp_path, "serve", "--config", config) as process:
        address = await process.address()
        await answer_once(address)
        before = process.descriptors
        for _ in range(3):
            async with private_channel(address) as channel:
                answers = await asyncio.gather(*mixed_calls(channel, CALLS))
            kinds = Counter(type(answer).__name__ for answer in answers)
            assert len(kinds) == 8
            assert kinds.total() == CALLS

        async def given_back() -> bool:
            return process.descriptors <= before + 3 * CONNECTIONS

        await eventually(given_back)
        ended = await process.stopped()

    assert ended.code == 0
    assert [line for line in ended.log() if line["level"] == "error"] == []


async def test_caller_deadline_can_exceed_the_default_deadline(quiet_stack: Stack) -> None:
    await quiet_stack.controls[KEY_MANAGER].fail(mode=None, delay=0.6)
    async with Gateway(quiet_stack.settings(default_deadline=0.2)) as gateway:
        request = keys.GetClientInfoRequest(provider="providers/nhn-keys")
        assert (await gateway.keys.GetClientInfo(request, timeout=20)).client_ip == "127.0.0.1"


@pytest.mark.parametrize("how", ["deadline", "cancelled", "connection"])
async def test_abandoned_calls_release_every_connection(how: str, quiet_stack: Stack, tmp_path: Path) -> None:
    """The calls end by a deadline, a cancellation, or a closed connection, while the upstream is silent."""
    count = 50
    arrivals = asyncio.Semaphore(0)

    async def listen(reader: Reader, _writer: Writer) -> None:
        await read_request(reader)
        arrivals.release()
        await reader.read()

    async with RawServer(listen) as upstream:
        chosen = [quiet_stack.provider("nhn-keys", endpoint=upstream.url)]
        config = write_config(tmp_path / "keyway.yaml", quiet_stack, chosen)
        async with Process(tmp_path, "serve", "--config", config) as process:
            address = await process.address()
            await abandon(address, arrivals, 1, how)
            before = await settled(process)

            await abandon(address, arrivals, count, how)

            async def given_back() -> bool:
                return process.descriptors == before

            await eventually(given_back)
            ended = await process.stopped()

    assert upstream.connections == 1 + count
    assert ended.code == 0
    assert [line for line in ended.log() if line["level"] == "error"] == []


async def abandon(address: str, arrivals: asyncio.Semaphore, count: int, how: str) -> None:
    """Make calls, and abandon them when all of them have reached the upstream."""
    async with private_channel(address) as channel:
        stub = key_service_pb2_grpc.KeyServiceStub(channel)
        timeout = 0.5 + count / 20 if how == "deadline" else 30.0
        calls = [stub.GenerateDataKey(keys.GenerateDataKeyRequest(name=KEY), timeout=timeout) for _ in range(count)]
        for _ in range(count):
            await asyncio.wait_for(arrivals.acquire(), 20)
        if how == "cancelled":
            for call in calls:
                call.cancel()
        if how == "connection":
            return
        codes = {await call.code() for call in calls}
    assert codes == {grpc.StatusCode.DEADLINE_EXCEEDED if how == "deadline" else grpc.StatusCode.CANCELLED}


async def settled(process: Process) -> int:
    """Return the number of open files of the process when it is stable."""
    seen: list[int] = []

    async def same() -> bool:
        seen.append(process.descriptors)
        return len(seen) >= 20 and len(set(seen[-20:])) == 1

    await eventually(same)
    return seen[-1]


async def answer_once(address: str) -> None:
    async with private_channel(address) as channel:
        await asyncio.gather(*mixed_calls(channel, 8))


def private_channel(address: str) -> grpc.aio.Channel:
    """Return a channel with its own connection, which closes with the channel."""
    return grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


async def test_finished_and_abandoned_calls_leave_no_task(quiet_stack: Stack) -> None:
    gateway = quiet_stack.gateway
    await asyncio.gather(*mixed_calls(gateway.channel, 8))
    before = Counter(task_names())

    await asyncio.gather(*mixed_calls(gateway.channel, CALLS))
    await quiet_stack.controls[KEY_MANAGER].fail(mode="stall", count=20)
    request = keys.GenerateDataKeyRequest(name=KEY)
    abandoned = [gateway.keys.GenerateDataKey(request, timeout=0.2) for _ in range(20)]
    assert {await call.code() for call in abandoned} == {grpc.StatusCode.DEADLINE_EXCEEDED}

    async def ended() -> bool:
        return not Counter(task_names()) - before

    await eventually(ended)


def task_names() -> list[str]:
    """Return the coroutines of all tasks of the gateway and of gRPC in this process."""
    return [
        name
        for task in asyncio.all_tasks()
        if not (name := getattr(task.get_coro(), "__qualname__", "")).startswith(("RequestHandler", "test_"))
    ]
