"""Cached responses over the wire: upstream requests, response metadata, and audit records."""

from pathlib import Path
from typing import Any

import pytest

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.stack import CERTIFICATE_MANAGER, KEY_MANAGER, Gateway, Stack
from tests.support.trusted import events_in

KEY = keys.GetPublicKeyRequest(name="providers/nhn-keys/keys/demo-rsa")
LIST = certificates.ListCertificatesRequest(parent="providers/nhn-certs")


def settings(stack: Stack, folder: Path, **cache: Any) -> Any:
    cached = {"cache": {"ttl": 600, **cache}, "retry": {"attempts": 1}}
    chosen = [stack.provider(provider, **cached) for provider in ("nhn-keys", "nhn-certs")]
    return stack.settings(*chosen, audit={"directory": str(folder / "audit")})


@pytest.fixture
async def quiet(stack: Stack) -> Stack:
    for kind in (KEY_MANAGER, CERTIFICATE_MANAGER):
        await stack.controls[kind].forget_requests()
    return stack


async def test_repeated_read_sends_one_upstream_request_and_is_recorded_each_time(quiet: Stack, tmp_path: Path) -> None:
    async with Gateway(settings(quiet, tmp_path)) as gateway:
        answers = [await gateway.keys.GetPublicKey(KEY) for _ in range(3)]
        lists = [await gateway.certificates.ListCertificates(LIST) for _ in range(2)]
    assert answers[0] == answers[1] == answers[2]
    assert lists[0] == lists[1]
    assert len(await quiet.controls[KEY_MANAGER].requests()) == 1
    outcomes = [
        event["unmapped"].get("attempts")
        for event in events_in(tmp_path / "audit")
        if event["metadata"]["event_code"] == "outcome" and event["api"]["operation"].endswith("GetPublicKey")
    ]
    assert [len(attempts or []) for attempts in outcomes] == [1, 0, 0]


async def test_no_cache_sends_an_upstream_request(quiet: Stack, tmp_path: Path) -> None:
    async with Gateway(settings(quiet, tmp_path)) as gateway:
        for _ in range(2):
            await gateway.keys.GetPublicKey(KEY, metadata=[("cache-control", "no-cache")])
    assert len(await quiet.controls[KEY_MANAGER].requests()) == 2


async def test_stale_response_is_marked(quiet: Stack, tmp_path: Path) -> None:
    async with Gateway(settings(quiet, tmp_path, ttl=0.001, stale=600)) as gateway:
        await gateway.keys.GetPublicKey(KEY)
        await quiet.controls[KEY_MANAGER].fail(mode="close", count=1)
        call = gateway.keys.GetPublicKey(KEY)
        answer = await call
        assert answer.key_version >= 0
        assert int(dict(await call.trailing_metadata())["keyway-stale-seconds"]) >= 0
        fresh = gateway.keys.GetPublicKey(KEY)
        await fresh
        assert "keyway-stale-seconds" not in dict(await fresh.trailing_metadata())


async def test_without_the_setting_every_call_sends_an_upstream_request(quiet: Stack) -> None:
    for _ in range(2):
        await quiet.gateway.keys.GetPublicKey(KEY)
    assert len(await quiet.controls[KEY_MANAGER].requests()) == 2
