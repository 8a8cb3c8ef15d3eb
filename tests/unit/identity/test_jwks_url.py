"""The keys of an issuer over real HTTP: rotation, outages, floods, and invalid responses."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.identity.errors import AuthenticationError, AuthenticationFailure
from gateway.identity.jwks_url import JwksUrl
from gateway.identity.settings import JwtSettings
from gateway.identity.tokens import TokenVerifier
from tests.support.authority import AUDIENCE, ISSUER, CertificateAuthority, TokenIssuer
from tests.support.waiting import eventually

OLD, NEW = TokenIssuer(key_id="old"), TokenIssuer(key_id="new")


class Issuer:
    """A server that publishes `content`, unless `respond` is set. fetches: the number of requests."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.fetches = 0
        self.headers: list[dict[str, str]] = []
        self.respond: Callable[[web.Request], Awaitable[web.StreamResponse]] = self.publish
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def publish(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=self.content)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.fetches += 1
        self.headers.append(dict(request.headers))
        return await self.respond(request)

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_get("/jwks.json", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"{'https' if tls else 'http'}://localhost:{self._port}/jwks.json"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    serving = Issuer(OLD.jwks())
    await serving.start()
    yield serving
    await serving.stop()


@contextlib.asynccontextmanager
async def keys(issuer: Issuer, **options: Any) -> AsyncIterator[JwksUrl]:
    source = JwksUrl(issuer.url, ssl.create_default_context(), **options)
    await source.start()
    try:
        yield source
    finally:
        await source.close()


def verifier(source: JwksUrl) -> TokenVerifier:
    settings = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": "https://unused.test/"}
    return TokenVerifier(JwtSettings.model_validate(settings), source)


async def refused(verifying: TokenVerifier, token: str) -> str:
    with pytest.raises(AuthenticationError) as caught:
        await verifying.verify(token)
    return caught.value.reason


async def test_keys_are_fetched_at_start(issuer: Issuer) -> None:
    async with keys(issuer) as source:
        assert (await verifier(source).verify(OLD.token())).name == "orders"
    assert issuer.fetches == 1
    assert "Cookie" not in issuer.headers[0]


async def test_unknown_key_triggers_a_fetch(issuer: Issuer) -> None:
    async with keys(issuer, pause=0) as source:
        verifying = verifier(source)
        issuer.content = OLD.jwks(NEW)
        assert (await verifying.verify(NEW.token())).name == "orders"
        assert (await verifying.verify(OLD.token())).name == "orders"
        assert issuer.fetches == 2


async def test_many_unknown_keys_cause_one_fetch(issuer: Issuer) -> None:
    async with keys(issuer, pause=3600) as source:
        verifying = verifier(source)
        unknown = TokenIssuer(key_id="unknown").token()
        for _ in range(50):
            assert await refused(verifying, unknown) == "kid is unknown"
        assert issuer.fetches == 1
        source._pause = 0
        issuer.respond = slow(issuer)
        await asyncio.gather(*(refused(verifying, TokenIssuer(key_id=f"x{n}").token()) for n in range(200)))
        assert issuer.fetches == 2


async def test_waiting_calls_are_limited(issuer: Issuer) -> None:
    """Calls with a known key never wait."""
    async with keys(issuer, pause=0) as source:
        verifying = verifier(source)
        hanging = asyncio.Event()
        issuer.respond = slow(issuer, hanging)
        flood = [asyncio.create_task(refused(verifying, TokenIssuer(key_id=f"x{n}").token())) for n in range(150)]
        await eventually(lambda: holds(issuer.fetches == 2))
        refused_at_once = sum(each.done() for each in flood)
        known = await verifying.verify(OLD.token())
        hanging.set()
        await asyncio.gather(*flood)
        assert (refused_at_once, known.name) == (50, "orders")
        assert issuer.fetches == 2


async def test_canceled_call_does_not_cancel_the_fetch(issuer: Issuer) -> None:
    async with keys(issuer, pause=0) as source:
        verifying = verifier(source)
        hanging = asyncio.Event()
        issuer.content, issuer.respond = OLD.jwks(NEW), slow(issuer, hanging)
        first, second = (asyncio.create_task(verifying.verify(NEW.token(sub=sub))) for sub in ("a", "b"))
        await eventually(lambda: holds(issuer.fetches == 2))
        first.cancel()
        hanging.set()
        assert (await second).name == "b"
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_old_keys_are_refreshed_without_a_call(issuer: Issuer) -> None:
    """A withdrawn key is therefore rejected after the maximum age."""
    async with keys(issuer, maximum_age=0.05, pause=3600) as source:
        verifying, before = verifier(source), source.current()
        await verifying.verify(OLD.token())
        await eventually(lambda: holds(issuer.fetches > 3))
        assert source.current() is before
        issuer.content = NEW.jwks()
        await eventually(lambda: holds(source.current() is not before))
        assert (await verifying.verify(NEW.token())).name == "orders"
        assert await refused(verifying, OLD.token()) == "kid is unknown"


async def test_outage_keeps_the_last_valid_keys(issuer: Issuer) -> None:
    async with keys(issuer, maximum_age=0.02) as source:
        verifying = verifier(source)
        with capture_logs() as logged:
            await issuer.stop()
            await eventually(lambda: holds(bool(logged)))
            await asyncio.sleep(0.1)
            assert (await verifying.verify(OLD.token(sub="new token"))).name == "new token"
            assert source.load_state.failed
            issuer.content = NEW.jwks()
            await issuer.start()
            await eventually(lambda: holds("new" in source.current()))
            assert not source.load_state.failed
        events = [line["event"] for line in logged]
        assert events == ["jwks_fetch_failed", "jwks_reloaded"]


async def test_start_succeeds_while_the_server_is_down() -> None:
    issuer = Issuer(OLD.jwks())
    await issuer.start()
    await issuer.stop()
    with capture_logs() as logged:
        async with keys(issuer, pause=0.02) as source:
            verifying = verifier(source)
            assert await refused(verifying, OLD.token()) == "kid is unknown, and the keys cannot be loaded"
            await issuer.start()
            await eventually(lambda: holds("old" in source.current()))
            assert (await verifying.verify(OLD.token())).name == "orders"
    await issuer.stop()
    assert (logged[0]["log_level"], logged[0]["event"]) == (
        "error",
        "jwks_fetch_failed",
    )
    assert "/jwks.json" not in str(logged)


async def test_invalid_responses_are_rejected(issuer: Issuer) -> None:
    async with keys(issuer, pause=0) as source:
        before = source.current()
        for respond, fault in (
            (answer(status=500, body=NEW.jwks()), "the response has HTTP status 500"),
            (answer(status=204), "the response has HTTP status 204"),
            (answer(status=302, headers={"Location": issuer.url}), "the response has HTTP status 302"),
            (answer(body=b"<html>"), "is not JSON"),
            (answer(body=b"[]"), "is not a JSON Web Key Set"),
            (answer(body=b'{"keys":{}}'), "is not a JSON Web Key Set"),
            (answer(body=b'{"keys":[]}'), "contains no signature key with a key ID"),
            (answer(body=b'{"keys":[7,null,{"kty":"EC"},{"kid":[]}]}'), "contains no signature key with a key ID"),
            (answer(body=b'{"keys":[' + b"7," * 200 + b"7]}"), "contains more than 200 keys"),
            (answer(body=NEW.jwks() + b" " * 262_144), "the response is larger than 262144 bytes"),
            (answer(body=b"\x1f\x8b" + b"\0" * 64, headers={"Content-Encoding": "gzip"}), "is not JSON"),
            (cut_off, "ClientPayloadError"),
        ):
            issuer.respond, source._fault = respond, ""  # a repeated error is logged once
            with capture_logs() as logged:
                await source.refresh()
            assert logged[0]["error"].startswith(fault)
            assert source.current() is before


async def test_hanging_fetch_times_out(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.identity.jwks_url._TIMEOUT_SECONDS", 0.05)
    never = asyncio.Event()
    issuer.respond = slow(issuer, never)
    with capture_logs() as logged:
        async with keys(issuer):
            never.set()
    assert logged[0]["error"] == "no response in time"


async def test_certificate_of_the_server_is_verified(tmp_path: Path) -> None:
    authority = CertificateAuthority()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.server().write(tmp_path, "issuer"))
    issuer = Issuer(OLD.jwks())
    await issuer.start(tls)
    for bundle, count in ((authority.pem, 1), (CertificateAuthority("Other").pem, 0)):
        options = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": issuer.url, "jwks_ca_certificates": bundle}
        settings = JwtSettings.model_validate(options)
        with capture_logs() as logged:
            source = JwksUrl(issuer.url, settings.tls())
            await source.start()
            assert len(source.current()) == count
            await source.close()
    rejected = logged[0]["error"]
    assert rejected.startswith("the certificate of the server was rejected: unable to get local issuer certificate; ")
    assert "certificate 'CN=server' of issuer 'CN=Test CA'" in rejected
    await issuer.stop()


async def test_proxies_from_the_environment_are_ignored(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with keys(issuer) as source:
        assert "old" in source.current()


async def holds(condition: bool) -> bool:
    return condition


def answer(**options: Any) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def respond(_request: web.Request) -> web.StreamResponse:
        return web.Response(**options)

    return respond


def slow(issuer: Issuer, until: asyncio.Event | None = None) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def respond(request: web.Request) -> web.StreamResponse:
        await (until.wait() if until is not None else asyncio.sleep(0.05))
        return await issuer.publish(request)

    return respond


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response


async def test_unknown_key_is_the_fault_of_the_caller_only_if_the_keys_are_loaded(issuer: Issuer) -> None:
    issuer.respond = unavailable = answer(status=503)
    async with keys(issuer, pause=0) as source:
        verifying = verifier(source)
        assert await failure_of(verifying, OLD.token()) is AuthenticationFailure.KEYS_UNAVAILABLE
        issuer.respond = issuer.publish
        assert (await verifying.verify(OLD.token())).name == "orders"
        assert await failure_of(verifying, NEW.token()) is AuthenticationFailure.INVALID_TOKEN
        issuer.respond = unavailable
        assert await failure_of(verifying, NEW.token()) is AuthenticationFailure.KEYS_UNAVAILABLE
        assert (await verifying.verify(OLD.token())).name == "orders", "the last valid keys stay in use"


async def failure_of(verifying: TokenVerifier, token: str) -> AuthenticationFailure:
    with pytest.raises(AuthenticationError) as caught:
        await verifying.verify(token)
    return caught.value.failure
