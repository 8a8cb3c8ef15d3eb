"""`kill -9` at random moments under load: the journal verifies and has every call that was observed."""

import asyncio
import base64
import contextlib
import hmac
import itertools
import json
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import chain_folder, read_records
from gateway.journal.verify.verification import verify
from keyway.v1 import key_service_pb2 as keys
from keyway.v1.key_service_pb2_grpc import KeyServiceStub
from tests.support.processes import Process
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.trusted import ORDERS, Trusted, events_in, receipt_of, request_id_of

KILLS = 20
CALLERS = 16
KEY = "providers/nhn-keys/keys/orders-key"


class Load:
    """Callers that call without pause, each time with a different plaintext. `answered`: receipts by request id."""

    def __init__(self) -> None:
        self.answered: dict[str, Receipt] = {}
        self._numbers = itertools.count()

    @contextlib.asynccontextmanager
    async def on(self, channel: grpc.aio.Channel) -> AsyncIterator[None]:
        stub = KeyServiceStub(channel)
        tasks = [asyncio.create_task(self._ask(stub)) for _ in range(CALLERS)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, stub: Any) -> None:
        while True:
            call = stub.Encrypt(keys.EncryptRequest(name=KEY, plaintext=b"order %d" % next(self._numbers)), timeout=20)
            try:
                await call
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0)
                continue
            trailers = await call.trailing_metadata()
            self.answered[request_id_of(trailers)] = receipt_of(trailers)

    async def more(self, count: int) -> None:
        """Return when this many more calls are answered."""
        wanted = len(self.answered) + count
        async with asyncio.timeout(60):
            while len(self.answered) < wanted:  # noqa: ASYNC110 - counted in many tasks
                await asyncio.sleep(0.001)


@pytest.fixture
async def trusted(tmp_path: Path, running_stack: Stack) -> Trusted:
    await running_stack.reset()
    await running_stack.controls[KEY_MANAGER].forget_requests()
    return Trusted(tmp_path, running_stack)


async def test_every_observed_call_is_on_record(trusted: Trusted, running_stack: Stack) -> None:
    load, config = Load(), trusted.write()
    chances = random.Random(20261125)
    for _ in range(KILLS):
        async with Process(trusted.folder, "serve", "--config", config) as process:
            address = (await process.address()).replace("127.0.0.1", "localhost")
            async with (
                grpc.aio.secure_channel(address, trusted.channel_credentials(ORDERS)) as channel,
                load.on(channel),
            ):
                await load.more(chances.randint(1, 60))
                process.send(signal.SIGKILL)
                await process.ended()
        report = verify(trusted.audit)
        assert report.good, report
        recorded = {
            event["api"]["request"]["uid"]
            for event in events_in(trusted.audit)
            if event["metadata"]["event_code"] == "outcome"
        }
        assert load.answered.keys() - recorded == set()
    records = [stored.record for stored in read_records(chain_folder(trusted.audit, 0))]
    assert set(load.answered.values()) - {record.receipt for record in records} == set()
    await no_call_without_intent(trusted, running_stack)
    async with Process(trusted.folder, "serve", "--config", config) as process:
        await process.address()
        ended = await process.stopped()
        assert ended.code == 0
    counts = Counter(
        (event["api"]["request"]["uid"], event["metadata"]["event_code"]) for event in events_in(trusted.audit)
    )
    intents = {request_id for request_id, code in counts if code == "intent"}
    assert {request_id for request_id, code in counts if code == "outcome"} == intents
    assert set(counts.values()) == {1}
    assert any(event["status"] == "Unknown" for event in events_in(trusted.audit))
    assert verify(trusted.audit).good


async def no_call_without_intent(trusted: Trusted, stack: Stack) -> None:
    """Compare the plaintexts that the emulator received with the digests in the intents."""
    key = (trusted.audit / "digest-key").read_bytes()
    history = await stack.controls[KEY_MANAGER].requests()
    plaintexts = {json.loads(base64.b64decode(request["body_base64"]))["plaintext"] for request in history}
    meant = {
        event["api"]["request"]["data"]["plaintext"]["hmac_sha256"]
        for event in events_in(trusted.audit)
        if event["metadata"]["event_code"] == "intent"
    }
    assert plaintexts
    digests = {plaintext: hmac.digest(key, plaintext.encode(), "sha256").hex() for plaintext in plaintexts}
    assert [plaintext for plaintext, digest in digests.items() if digest not in meant] == []
