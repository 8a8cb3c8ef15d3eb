"""Upstreams that are unreachable, close the connection, or stay silent, at every stage of a request on real sockets."""

import asyncio
import re
import ssl
import time
from typing import Any, NamedTuple

import grpc
import pytest

from gateway.config.base import ConfigError
from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.emulators.secure_key_manager import SecureKeyManagerEmulator
from gateway.gateway_settings import GatewaySettings
from tests.support.openssl import KeyPair, OpensslAuthority, expired
from tests.support.ports import free_port
from tests.support.raw_server import RawServer, Reader, Writer, read_request
from tests.support.stack import ASTERIA, KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import KEYS, WARP, call
from tests.support.wire import DEFAULT_RETRY, DETAILS, failure_of

UNREACHABLE = ("UNAVAILABLE", "PROVIDER_UNREACHABLE")
LOST = ("UNAVAILABLE", "PROVIDER_CONNECTION_LOST")
TLS_FAILED = ("FAILED_PRECONDITION", "PROVIDER_TLS_FAILED")
TIMEOUT = ("DEADLINE_EXCEEDED", "PROVIDER_TIMEOUT")


def keys_at(stack: Stack, endpoint: str) -> GatewaySettings:
    return stack.settings(stack.provider(KEYS, endpoint=endpoint))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "xn--999.invalid"])
async def test_host_name_that_does_not_resolve_is_unreachable(quiet_stack: Stack, host: str) -> None:
    settings = quiet_stack.settings(quiet_stack.provider(KEYS, endpoint=f"http://{host}:1"))
    async with Gateway(settings) as gateway:
        failure = await failure_of(call(gateway, "Encrypt"))
    assert failure.kind == UNREACHABLE
    assert failure.retry == DEFAULT_RETRY
    assert failure.metadata == {"provider": KEYS}


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".invalid"])
def test_invalid_host_name_stops_the_start(running_stack: Stack, host: str) -> None:
    with pytest.raises(ConfigError, match=r"providers\[0\]\.endpoint"):
        running_stack.settings(running_stack.provider(KEYS, endpoint=f"http://{host}:1"))


async def test_refused_connection_is_unreachable_and_retryable_for_every_method(quiet_stack: Stack) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    keys, warp = quiet_stack.provider(KEYS, endpoint=endpoint), quiet_stack.provider(WARP, endpoint=endpoint)
    async with Gateway(quiet_stack.settings(keys, warp)) as gateway:
        for method in ("Encrypt", "CreateCertificate", "DeleteCertificate"):
            failure = await failure_of(call(gateway, method))
            assert failure.kind == UNREACHABLE
            assert failure.retry == DEFAULT_RETRY


async def test_connection_that_breaks_before_the_request_is_unreachable(quiet_stack: Stack) -> None:
    async def hang_up(_reader: Reader, writer: Writer) -> None:
        writer.transport.abort()

    async with RawServer(hang_up) as server:
        # The TLS handshake comes before the request.
        warp = quiet_stack.provider(WARP, endpoint=f"https://localhost:{server.port}")
        async with Gateway(quiet_stack.settings(warp)) as gateway:
            failure = await failure_of(call(gateway, "CreateCertificate"))
    assert failure.kind == UNREACHABLE
    assert failure.retry == DEFAULT_RETRY


class Target(NamedTuple):
    """An upstream call, the method of the gateway that makes it, and the RetryInfo if the connection breaks."""

    kind: str
    method: str
    path: str
    retry: float | None


@pytest.mark.parametrize("mode", ["close", "reset"])
@pytest.mark.parametrize(
    "target",
    [
        Target(KEY_MANAGER, "Encrypt", "/encrypt$", DEFAULT_RETRY),
        Target(ASTERIA, "GetCertificate", "/show$", DEFAULT_RETRY),
        Target(ASTERIA, "CreateCertificate", "/create$", None),
        Target(ASTERIA, "DeleteCertificate", "/delete$", None),
    ],
    ids=lambda target: target.method,
)
async def test_connection_that_breaks_after_the_request_is_retryable_only_for_idempotent_methods(
    quiet_stack: Stack, mode: str, target: Target
) -> None:
    control = quiet_stack.controls[target.kind]
    idempotent = target.retry is not None
    await control.fail(mode=mode, path=target.path)

    failure = await failure_of(call(quiet_stack.gateway, target.method))

    assert failure.kind == LOST
    assert failure.retry == target.retry
    assert "http_status" not in failure.metadata
    sent = [request["target"] for request in await control.requests()]
    requests = len([path for path in sent if re.search(target.path, path)])
    assert requests in ((1, 2) if idempotent else (1,)), "only a reused connection is replaced, and only once"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OpensslAuthority:
    return OpensslAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def foreign_authority(tmp_path_factory: pytest.TempPathFactory) -> OpensslAuthority:
    return OpensslAuthority(tmp_path_factory.mktemp("foreign"), "Another Authority")


def serving(pair: KeyPair) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


async def over_tls(stack: Stack, pair: KeyPair, trusted: OpensslAuthority) -> Any:
    """Call GetClientInfo of an emulator with this certificate, through a gateway that trusts one authority."""
    options = HostOptions(tls=serving(pair))
    async with EmulatorHost(SecureKeyManagerEmulator, options) as emulator:
        endpoint = emulator.url.replace("127.0.0.1", "localhost")
        provider = stack.provider(KEYS, endpoint=endpoint, ca_certificates={"file": str(trusted.pair.certificate)})
        async with Gateway(stack.settings(provider)) as gateway:
            return await call(gateway, "GetClientInfo")


async def test_valid_tls_certificate_is_accepted(quiet_stack: Stack, authority: OpensslAuthority) -> None:
    answer = await over_tls(quiet_stack, authority.issue("good"), authority)
    assert answer.client_ip == "127.0.0.1"


@pytest.mark.parametrize("fault", ["wrong name", "unknown authority", "expired"])
async def test_rejected_certificate_is_a_tls_failure(
    quiet_stack: Stack, authority: OpensslAuthority, foreign_authority: OpensslAuthority, fault: str
) -> None:
    pairs = {
        "wrong name": lambda: authority.issue("other", host="other.example"),
        "unknown authority": lambda: foreign_authority.issue("foreign"),
        "expired": lambda: authority.issue("expired", validity=expired()),
    }
    failure = await failure_of(over_tls(quiet_stack, pairs[fault](), authority))
    assert failure.kind == TLS_FAILED
    assert failure.retry is None
    assert failure.metadata == {"provider": KEYS}


@pytest.mark.parametrize(
    ("kind", "provider", "method"), [(KEY_MANAGER, KEYS, "Encrypt"), (ASTERIA, WARP, "CheckCertificate")]
)
async def test_provider_timeout_ends_a_call(quiet_stack: Stack, kind: str, provider: str, method: str) -> None:
    await quiet_stack.controls[kind].fail(mode="stall", path="^/(?!mcapi/auth)")
    settings = quiet_stack.settings(quiet_stack.provider(provider, timeout=0.2), default_deadline=600)
    async with Gateway(settings) as gateway, asyncio.timeout(60):
        started = time.monotonic()
        failure = await failure_of(call(gateway, method))
    assert failure.kind == TIMEOUT
    assert failure.retry is None
    assert time.monotonic() - started >= 0.2


async def test_default_deadline_ends_a_call_without_a_deadline(quiet_stack: Stack) -> None:
    await quiet_stack.controls[KEY_MANAGER].fail(mode="stall")
    async with Gateway(quiet_stack.settings(default_deadline=0.2)) as gateway:
        failure = await failure_of(call(gateway, "Encrypt"))
    assert failure.kind == TIMEOUT


class Listener:
    """A raw server that reads requests, never answers, and reports when the client disconnects."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, reader: Reader, _writer: Writer) -> None:
        await read_request(reader)
        self.connected.set()
        while await reader.read(1024):
            pass
        self.left.set()


async def test_deadline_of_the_caller_ends_the_upstream_request(quiet_stack: Stack) -> None:
    listener = Listener()
    async with RawServer(listener) as server, Gateway(keys_at(quiet_stack, server.url)) as gateway:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(gateway, "Encrypt", timeout=0.3)
        await asyncio.wait_for(listener.left.wait(), 60)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert listener.connected.is_set()


async def test_canceled_call_closes_the_upstream_connection(quiet_stack: Stack) -> None:
    listener = Listener()
    async with RawServer(listener) as server, Gateway(keys_at(quiet_stack, server.url)) as gateway:
        running = call(gateway, "Encrypt")
        task = asyncio.ensure_future(running)
        await asyncio.wait_for(listener.connected.wait(), 60)
        running.cancel()
        await asyncio.wait_for(listener.left.wait(), 60)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await running.code() is grpc.StatusCode.CANCELLED
    assert DETAILS not in dict(await running.trailing_metadata() or ())
