"""Access to the API: identities, unknown paths, limits of bodies and connections, and secrecy."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.surfaces.vault import handler, listener
from tests.support.authority import TokenIssuer
from tests.support.ports import free_address
from tests.support.scraping import scrape
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.trusted import ORDERS, UNAUTHORIZED
from tests.support.vault_api import KEYS, SHOP, TOKEN, WEB, VaultScene
from tests.support.waiting import eventually

ENCRYPT = f"{KEYS}/encrypt/orders-key"
TEXT = {"plaintext": "aGVsbG8="}


@pytest.fixture
async def stack(running_stack: Stack) -> AsyncIterator[Stack]:
    await running_stack.reset()
    yield running_stack
    await running_stack.reset()


@pytest.fixture
async def scene(stack: Stack, tmp_path: Path) -> AsyncIterator[VaultScene]:
    scene = VaultScene(tmp_path, stack)
    async with scene.served():
        yield scene


async def test_token_is_accepted_in_both_headers(scene: VaultScene) -> None:
    async with scene.client(None) as client:
        for headers in ({TOKEN: scene.token()}, {"Authorization": f"Bearer {scene.token()}"}):
            assert (await client.put(ENCRYPT, TEXT, headers=headers)).status == 200


async def test_requests_without_a_valid_token_are_denied_and_counted(scene: VaultScene) -> None:
    async with scene.client(None) as client:
        tokens = [None, "s.not-a-jwt", TokenIssuer().token(sub=SHOP), scene.token(exp=1)]
        for token in tokens:
            headers = {TOKEN: token} if token is not None else {}
            reply = await client.put(ENCRYPT, TEXT, headers=headers)
            assert (reply.status, "permission denied" in reply.error) == (403, True)

    async def counted() -> bool:
        events = [each for each in scene.trusted.events() if each["metadata"]["event_code"] == "refusals"]
        return bool(sum(each["count"] for each in events) == len(tokens))

    await eventually(counted)


async def test_client_certificate_identifies_the_caller_and_the_token_is_ignored(stack: Stack, tmp_path: Path) -> None:
    scene = VaultScene(tmp_path, stack, mtls=True)
    async with scene.served():
        async with scene.client(WEB, certificate=ORDERS) as orders:
            assert (await orders.put(ENCRYPT, TEXT)).status == 200
            assert (await orders.get("auth/token/lookup-self")).data["display_name"] == ORDERS
        async with scene.client(None, certificate=UNAUTHORIZED) as unauthorized:
            assert (await unauthorized.put(ENCRYPT, TEXT)).status == 403
        with pytest.raises(aiohttp.ClientError):
            async with scene.client(SHOP) as without:
                await without.put(ENCRYPT, TEXT)
    (successful, _) = scene.outcomes("Encrypt")
    assert successful["actor"]["user"]["uid"] == ORDERS


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "sys/unknown", 404),
        ("GET", "auth/approle/login", 404),
        ("PUT", f"{KEYS}/unknown/x", 404),
        ("PUT", f"{KEYS}/encrypt", 404),
        ("PUT", f"{KEYS}/encrypt/a%2Fb", 404),
        ("GET", f"{KEYS}//orders-key", 404),
        ("GET", ENCRYPT, 405),
        ("DELETE", f"{KEYS}/data/demo-secret", 405),
        ("PUT", f"{KEYS}/data/demo-secret", 405),
        ("PUT", f"{KEYS}/hmac/orders-key", 405),
        ("PUT", f"{KEYS}/sign/demo-rsa", 405),
        ("PUT", "nhn-certs/encrypt/orders-key", 405),
    ],
)
async def test_other_paths_have_errors_of_vault(scene: VaultScene, method: str, path: str, status: int) -> None:
    async with scene.client() as shop:
        reply = await shop.request(method, path, json={"plaintext": ""})
    assert (reply.status, reply.body.keys()) == (status, {"errors"})


async def test_requests_that_the_gateway_cannot_honor_are_rejected(scene: VaultScene) -> None:
    async with scene.client() as shop:
        for headers in ({"X-Vault-Wrap-TTL": "60s"}, {"X-Vault-Namespace": "team-a"}):
            assert (await shop.put(ENCRYPT, TEXT, headers=headers)).status == 400
        assert (await shop.put(ENCRYPT, TEXT, headers={"X-Vault-Namespace": "root/"})).status == 200
        for body in (b"{", b"[]", b"\xff"):
            assert (await shop.request("PUT", ENCRYPT, data=body)).status == 400


async def test_failures_of_the_upstream_have_statuses_of_vault(scene: VaultScene, stack: Stack) -> None:
    async with scene.client() as shop:
        await stack.controls[KEY_MANAGER].fail(mode="raw", status=503, count=5, path="encrypt")
        reply = await shop.put(ENCRYPT, TEXT)
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) >= 1


async def test_large_bodies_are_rejected_before_they_are_read(stack: Stack, tmp_path: Path) -> None:
    scene = VaultScene(tmp_path, stack, maximum_body_bytes=65_536)
    async with scene.served(), scene.client() as shop:
        reply = await shop.put(ENCRYPT, {"plaintext": "x" * 70_000})
        assert (reply.status, reply.error) == (413, "the body has more than 65536 bytes")

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 1024

        assert (await shop.request("PUT", ENCRYPT, data=endless())).status == 413


async def connect(scene: VaultScene) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = scene.address.rpartition(":")
    return await asyncio.open_connection(host, int(port), ssl=scene.tls(), server_hostname=host)


async def test_peers_that_are_not_authenticated_have_a_share_of_the_connections(stack: Stack, tmp_path: Path) -> None:
    scene = VaultScene(tmp_path, stack, maximum_connections=16)
    metrics = free_address()
    scene.trusted.configuration["telemetry"] = {"prometheus_listen": metrics}
    async with scene.served(), scene.client() as shop, contextlib.AsyncExitStack() as opened:
        assert (await shop.put(ENCRYPT, TEXT)).status == 200
        _, writer = await connect(scene)
        opened.callback(writer.close)
        with pytest.raises((ssl.SSLError, OSError)):
            await connect(scene)
        assert (await shop.put(ENCRYPT, TEXT)).status == 200
        page = await scrape(metrics)
        assert "keyway_vault_connections 2" in page
        assert "keyway_vault_connections_refused_total 1" in page


async def test_peer_without_a_request_loses_its_connection(scene: VaultScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.2)
    for begin in (b"", b"PUT /v1/x HTTP/1.1\r\nHost: a\r\n"):
        reader, writer = await connect(scene)
        writer.write(begin)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def test_malformed_http_is_rejected_without_repeating_it(scene: VaultScene) -> None:
    reader, writer = await connect(scene)
    writer.write(b"SECRET-TOKEN \x00\r\n\r\n")
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"SECRET-TOKEN" not in answer
    assert b'{"errors":["the request is not valid HTTP/1.1"]}' in answer


async def raw_request(scene: VaultScene, head: bytes, body: bytes = b"") -> int:
    """Send a request as it is, and return the status of the response."""
    reader, writer = await connect(scene)
    size = b"Content-Length: %d\r\n" % len(body)
    writer.write(head + b"\r\nHost: a\r\nConnection: close\r\n" + size + b"\r\n" + body)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


async def test_hostile_requests_are_faults_of_the_peer(scene: VaultScene) -> None:
    token = b"X-Vault-Token: " + scene.token().encode()
    put = b"PUT /v1/nhn-keys/encrypt/orders-key HTTP/1.1\r\n"
    requests = [
        (put + b"X-Vault-Token: \xff\xfe", b"{}"),
        (put + b"X-Vault-Token: a\r\n" + token, b"{}"),
        (put + b"Authorization: Basic eDp5", b"{}"),
        (b"GET /v1/nhn-keys/data/\xff\xfe HTTP/1.1\r\n" + token, b""),
        (b"GET /v1/nhn-keys/data/%ff%fe HTTP/1.1\r\n" + token, b""),
        (b"GET /v1/nhn-keys/data/%00 HTTP/1.1\r\n" + token, b""),
        (b"GET /v1/nhn-keys/data/.. HTTP/1.1\r\n" + token, b""),
        (b"GET /v1/nhn-keys/data/x?version=%ff HTTP/1.1\r\n" + token, b""),
        (b"GET /v1/" + b"a/" * 500 + b" HTTP/1.1\r\n" + token, b""),
        (b"GET http://other/v1/nhn-keys/data/x HTTP/1.1\r\n" + token, b""),
        (b"OPTIONS * HTTP/1.1\r\n" + token, b""),
        (put + token, b'{"plaintext": "\\ud800"}'),
        (put + token, b"[" * 100_000),
        (put + token + b"\r\nContent-Encoding: gzip", b"\x1f\x8b\x08\x00"),
        (put + token, b'{"batch_input": [{"plaintext": "", "key_version": 1e400}]}'),
        (put + token, b'{"plaintext": "", "key_version": 123456789012345678901234567890}'),
    ]
    for head, body in requests:
        status = await raw_request(scene, head, body)
        assert status in (400, 403, 404, 405), (head, body[:60], status)


async def test_slow_body_is_rejected(scene: VaultScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "_BODY_SECONDS", 0.2)

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with scene.client() as shop:
        assert (await shop.request("PUT", ENCRYPT, data=endless())).status == 408


async def test_call_of_a_peer_that_leaves_is_canceled_and_recorded(scene: VaultScene, stack: Stack) -> None:
    await stack.controls[KEY_MANAGER].fail(mode="stall")
    _, writer = await connect(scene)
    body = b'{"plaintext": ""}'
    head = f"PUT /v1/{ENCRYPT} HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {scene.token()}\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)

    async def has_arrived() -> bool:
        return bool(await stack.controls[KEY_MANAGER].requests())

    await eventually(has_arrived)
    writer.close()

    async def is_recorded() -> bool:
        return [each["status_code"] for each in scene.outcomes("Encrypt")] == ["CANCELLED"]

    await eventually(is_recorded)


async def test_plaintext_listener_is_only_for_the_machine_itself(stack: Stack, tmp_path: Path) -> None:
    scene = VaultScene(tmp_path, stack, mtls=True)
    for name in ("identity", "policy"):
        del scene.trusted.configuration[name]
    scene.trusted.configuration["vault_api"]["listen"] = "0.0.0.0:8200"
    with pytest.raises(ValueError, match=r"vault_api: .*must be a loopback address"):
        scene.trusted.settings()


async def test_no_secret_is_logged(scene: VaultScene, capsys: pytest.CaptureFixture[str]) -> None:
    token = scene.token()
    async with scene.client(None) as client:
        await client.put(ENCRYPT, TEXT, headers={TOKEN: token})
        await client.put(ENCRYPT, TEXT, headers={TOKEN: f"{token}x"})
    printed = "".join(capsys.readouterr())
    recorded = str(scene.trusted.events())
    for secret in (token.split(".")[2], TEXT["plaintext"], "hello"):
        assert secret not in printed
        assert secret not in recorded
