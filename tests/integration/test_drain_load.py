"""Drains under load: calls that reached the gateway get a response, and clients send the others to another gateway."""

import asyncio
import base64
import itertools
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest

from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc
from tests.support.processes import Process, write_config
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.waiting import eventually

CALLERS = 200
BEFORE_THE_SIGNAL = 600
CALLS_AT_MOST = 40 * CALLERS
KEY = "providers/nhn-keys/keys/orders-key"


@pytest.mark.parametrize("drain_delay", [0, 0.3])
async def test_calls_that_reached_a_handler_do_not_fail(drain_delay: float, quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, drain_delay=drain_delay)
    sent, answered, failed = itertools.count(), set[str](), Counter[grpc.StatusCode]()
    loaded = asyncio.Event()

    async def call_until_refused(stub: "key_service_pb2_grpc.KeyServiceAsyncStub") -> None:
        for number in sent:
            if number >= CALLS_AT_MOST:
                return
            plaintext = f"plaintext-{number}"
            try:
                await stub.Encrypt(keys.EncryptRequest(name=KEY, plaintext=plaintext.encode()), timeout=30)
            except grpc.aio.AioRpcError as error:
                failed[error.code()] += 1
                return
            answered.add(plaintext)
            if len(answered) == BEFORE_THE_SIGNAL:
                loaded.set()

    async with (
        Process(tmp_path, "serve", "--config", config) as process,
        grpc.aio.insecure_channel(await process.address()) as channel,
        asyncio.timeout(30),
    ):
        stub = key_service_pb2_grpc.KeyServiceStub(channel)
        callers = [asyncio.ensure_future(call_until_refused(stub)) for _ in range(CALLERS)]
        await loaded.wait()
        ended = await process.stopped()
        await asyncio.gather(*callers)

    assert ended.code == 0
    assert {plaintext_of(request) for request in await quiet_stack.controls[KEY_MANAGER].requests()} == answered
    assert failed == {grpc.StatusCode.UNAVAILABLE: CALLERS}
    known = [line["event"] for line in ended.log() if line["level"] == "info"]
    assert known == ["serving", "draining", "stopped"]
    warnings = {line["event"] for line in ended.log() if line["level"] != "info"}
    assert warnings == {"callers_not_authenticated", "no_journal_configured"}


def plaintext_of(request: Mapping[str, Any]) -> str:
    return str(json.loads(base64.b64decode(request["body_base64"]))["plaintext"])


SERVICE_CONFIG = {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
RECONNECTING = [
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
]
REPLACEMENTS = 4
PAUSE_SECONDS = 0.005
STEADY_CALLERS = 20


async def test_client_with_health_checks_sees_no_failure_while_gateways_are_replaced(
    quiet_stack: Stack, tmp_path: Path
) -> None:
    """Each gateway sends its provider a different MAC address, which shows callers which gateway responded."""
    answered, failed = Counter[str](), list[grpc.aio.AioRpcError]()
    done = asyncio.Event()

    async def start(number: int, listen: str) -> Process:
        mac_address = mac_address_of(number)
        providers = [quiet_stack.provider("nhn-keys", mac_address=mac_address)]
        config = write_config(tmp_path / f"{number}.yaml", quiet_stack, providers, drain_delay=0.5)
        process = await Process(tmp_path, "serve", "--config", config, "--listen", listen).__aenter__()
        await process.address()
        return process

    async def answers(number: int) -> None:
        """Return when that gateway has answered a call."""

        async def has_answered() -> bool:
            return answered[mac_address_of(number)] > 0

        await eventually(has_answered)

    async def call_steadily(stub: "key_service_pb2_grpc.KeyServiceAsyncStub") -> None:
        while not done.is_set():
            try:
                answer = await stub.GetClientInfo(keys.GetClientInfoRequest(provider="providers/nhn-keys"), timeout=20)
                answered[answer.client_mac_address] += 1
            except grpc.aio.AioRpcError as error:
                failed.append(error)
            await asyncio.sleep(PAUSE_SECONDS)

    running = list(await asyncio.gather(start(0, "127.0.0.1:0"), start(1, "127.0.0.1:0")))
    try:
        addresses = [await process.address() for process in running]
        async with grpc.aio.insecure_channel(f"ipv4:{','.join(addresses)}", options=RECONNECTING) as channel:
            stub = key_service_pb2_grpc.KeyServiceStub(channel)
            callers = [asyncio.ensure_future(call_steadily(stub)) for _ in range(STEADY_CALLERS)]
            await asyncio.gather(answers(0), answers(1))
            for number in range(2, 2 + REPLACEMENTS):
                place = number % 2
                ended = await running[place].stopped()
                assert ended.code == 0
                running[place] = await start(number, addresses[place])
                await answers(number)
            done.set()
            await asyncio.gather(*callers)
    finally:
        for process in running:
            await process.__aexit__(None, None, None)

    assert failed == []
    assert len(answered) == 2 + REPLACEMENTS


def mac_address_of(number: int) -> str:
    return f"00:00:5e:00:53:{number:02x}"
