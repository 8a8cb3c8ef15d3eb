"""ProviderService: the list of providers, their methods, and live health checks."""

import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.contract.methods import METHODS
from gateway.emulators.certificate_manager import CertificateManagerEmulator
from gateway.emulators.host import EmulatorHost, HostOptions
from keyway.v1 import certificate_service_pb2, key_service_pb2, provider_pb2
from keyway.v1 import provider_service_pb2 as service
from tests.support.docs import page
from tests.support.openssl import OpensslAuthority
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import call, valid_request
from tests.support.wire import WireResource, failure_of

READY, DEGRADED = provider_pb2.PROVIDER_STATE_READY, provider_pb2.PROVIDER_STATE_DEGRADED
UNREACHABLE, UNKNOWN = provider_pb2.PROVIDER_STATE_UNREACHABLE, provider_pb2.PROVIDER_STATE_UNKNOWN

UPLOAD = "keyway.v1.CertificateService/UploadCertificate"


def documented(kind: str) -> list[str]:
    """Return the full names of the methods that docs/providers.md lists for a provider type."""
    rows = [line.strip("|").split("|") for line in page("docs/providers.md").splitlines()]
    head = next(row for row in rows if row[0].strip() == "method")
    column = [f"[`{kind}`](#{kind})" in cell for cell in head].index(True)
    names = {
        row[0].strip(" []").partition("]")[0] for row in rows if len(row) > column and row[column].strip() == "yes"
    }
    return sorted(method.full_name for method in METHODS if method.name in names)


PROVIDERS = {
    "asteria": (ASTERIA, "", documented(ASTERIA)),
    "nhn-certs": (CERTIFICATE_MANAGER, "v1.2", [name for name in documented(CERTIFICATE_MANAGER) if name != UPLOAD]),
    "nhn-certs-v1.0": (CERTIFICATE_MANAGER, "v1.0", documented(CERTIFICATE_MANAGER)),
    "nhn-keys": (KEY_MANAGER, "v1.0", documented(KEY_MANAGER)),
}
"""The expected providers by id, in list order: type, version, methods."""
IDLE_POLLER = {"enabled": True, "interval": 86_400, "watch_interval": 86_400}
"""Makes no request before somebody watches certificates."""


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """Yield a gateway for all types of upstream, without calls so far, with the providers in a different order."""
    stack = seeded_stack
    keys, certs, asteria = (stack.provider(each, poller=IDLE_POLLER) for each in ("nhn-keys", "nhn-certs", "asteria"))
    first = {**certs, "id": "nhn-certs-v1.0", "api_version": "v1.0"}
    async with Gateway(stack.settings(keys, first, certs, asteria)) as served:
        yield served


async def checked(gateway: Gateway, provider: str) -> provider_pb2.Provider:
    """Check the provider, and return it."""
    request = service.CheckProviderRequest(name=f"providers/{provider}")
    return (await gateway.providers.CheckProvider(request)).provider


async def known(gateway: Gateway, provider: str) -> provider_pb2.Provider:
    """Return the provider without a check."""
    request = service.GetProviderRequest(name=f"providers/{provider}")
    return (await gateway.providers.GetProvider(request)).provider


async def test_providers_are_listed_by_id_with_their_methods(gateway: Gateway) -> None:
    response = await gateway.providers.ListProviders(service.ListProvidersRequest())

    assert [without_requests(provider) for provider in response.providers] == [
        provider_pb2.Provider(
            name=f"providers/{provider}", type=kind, api_version=version, methods=methods, state=UNKNOWN
        )
        for provider, (kind, version, methods) in PROVIDERS.items()
    ]
    assert response.next_page_token == ""
    for provider in response.providers:
        again = await known(gateway, provider.name.partition("/")[2])
        assert without_requests(again) == without_requests(provider)


def without_requests(provider: provider_pb2.Provider) -> provider_pb2.Provider:
    """Return a copy without the state of the circuit breaker and the recent requests, which must be there."""
    assert provider.HasField("circuit_breaker")
    assert provider.HasField("activity")
    copy = provider_pb2.Provider()
    copy.CopyFrom(provider)
    copy.ClearField("circuit_breaker")
    copy.ClearField("activity")
    return copy


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
async def test_pages_of_any_size_have_every_provider_once(gateway: Gateway, size: int) -> None:
    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        request = service.ListProvidersRequest(page_size=size, page_token=token)
        response = await gateway.providers.ListProviders(request)
        pages.append([provider.name for provider in response.providers])
        token = response.next_page_token

    names = [f"providers/{provider}" for provider in PROVIDERS]
    assert pages == [names[start : start + size] for start in range(0, len(names), size)]


@pytest.mark.parametrize("token", ["x", "e30", "한글"])
async def test_invalid_token_is_rejected(gateway: Gateway, token: str) -> None:
    failure = await failure_of(gateway.providers.ListProviders(service.ListProvidersRequest(page_token=token)))

    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")


@pytest.mark.parametrize("method", ["GetProvider", "CheckProvider", "ListStatusMappings"])
async def test_unknown_provider_is_not_found(gateway: Gateway, method: str) -> None:
    failure = await failure_of(call(gateway, method, valid_request(method, "nobody")))

    assert failure.kind == ("NOT_FOUND", "PROVIDER_NOT_FOUND")
    assert failure.resource == WireResource("keyway.dev/Provider", "providers/nobody")


def contract_methods() -> list[str]:
    """Return all methods of the services that providers implement."""
    files = (certificate_service_pb2.DESCRIPTOR, key_service_pb2.DESCRIPTOR)
    services = [each for file in files for each in file.services_by_name.values()]
    return [f"{each.full_name}/{method.name}" for each in services for method in each.methods]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_provider_serves_exactly_the_methods_that_it_lists(
    quiet_stack: Stack, gateway: Gateway, provider: str
) -> None:
    control = quiet_stack.controls[PROVIDERS[provider][0]]
    await control.fail(mode="raw", status=418, count=1000)
    served = set()
    for method in contract_methods():
        name = method.partition("/")[2]
        if name.startswith("Batch"):
            (result,) = (await call(gateway, name, valid_request(name, provider))).results
            supported = "METHOD_NOT_SUPPORTED_BY_PROVIDER" not in str(result.error)
        else:
            failure = await failure_of(call(gateway, name, valid_request(name, provider)))
            supported = failure.kind != ("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER")
        if supported:
            served.add(method)

    assert served == set((await known(gateway, provider)).methods)


@pytest.mark.parametrize(
    ("provider", "targets"),
    [
        ("nhn-keys", ["GET /keymanager/v1.0/appkey/keymanager-demo/confirm"]),
        (
            "nhn-certs",
            ["GET /certmanager/v1.2/appkeys/certmanager-demo/certificates?pageSize=1&pageNum=1&all=false&status=ALL"],
        ),
        ("asteria", ["POST /mcapi/auth/login", "GET /mcapi/certificate/server/exist"]),
    ],
)
async def test_check_makes_one_harmless_call_and_keeps_the_result(
    quiet_stack: Stack, provider: str, targets: list[str]
) -> None:
    kind, _, methods = PROVIDERS[provider]
    control = quiet_stack.controls[kind]
    async with Gateway(quiet_stack.settings(quiet_stack.provider(provider, poller=IDLE_POLLER))) as gateway:
        before = await known(gateway, provider)
        start = dt.datetime.now(dt.UTC)
        found = await checked(gateway, provider)
        end = dt.datetime.now(dt.UTC)
        seen = [f"{request['method']} {request['target']}" for request in await control.requests()]
        assert await known(gateway, provider) == found

    assert (before.state, before.HasField("check_time")) == (UNKNOWN, False)
    assert (found.state, found.state_reason, list(found.methods)) == (READY, "", methods)
    assert start <= found.check_time.ToDatetime(dt.UTC) <= end
    assert seen == targets


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections: it is bound, but nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("provider", "wrong"),
    [
        ("nhn-certs", {"app_key": "wrong"}),
        ("nhn-keys", {"app_key": "wrong"}),
        ("asteria", {"login": {"user_name": "/keyway", "password": "wrong-password"}}),
        ("asteria", {"login": None, "session_id": "0" * 32}),
    ],
    ids=["nhn-certs app key", "nhn-keys app key", "asteria password", "asteria session"],
)
async def test_rejected_credentials_make_a_provider_degraded(
    quiet_stack: Stack, provider: str, wrong: dict[str, Any]
) -> None:
    settings = {key: value for key, value in quiet_stack.provider(provider, **wrong).items() if value is not None}
    async with Gateway(quiet_stack.settings(settings)) as gateway:
        found = await checked(gateway, provider)

    assert (found.state, found.state_reason) == (DEGRADED, "PROVIDER_CREDENTIALS_REJECTED")
    assert found.HasField("check_time")


@pytest.mark.parametrize("provider", ["asteria", "nhn-certs", "nhn-keys"])
async def test_closed_port_makes_a_provider_unreachable(quiet_stack: Stack, provider: str, closed_port: int) -> None:
    settings = quiet_stack.provider(provider, endpoint=f"http://127.0.0.1:{closed_port}")
    async with Gateway(quiet_stack.settings(settings)) as gateway:
        found = await checked(gateway, provider)

    assert (found.state, found.state_reason) == (UNREACHABLE, "PROVIDER_UNREACHABLE")


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ({"mode": "html", "status": 502}, DEGRADED, "PROVIDER_UNAVAILABLE"),
        ({"mode": "raw", "status": 429}, DEGRADED, "PROVIDER_RATE_LIMITED"),
        ({"mode": "raw", "status": 404}, DEGRADED, "PROVIDER_API_NOT_FOUND"),
        ({"mode": "cut_off"}, DEGRADED, "MALFORMED_PROVIDER_RESPONSE"),
        ({"mode": "close"}, UNREACHABLE, "PROVIDER_CONNECTION_LOST"),
        ({"mode": None, "delay": 2.0}, UNREACHABLE, "PROVIDER_TIMEOUT"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
async def test_failing_provider_is_degraded_and_silent_one_unreachable_until_recovery(
    quiet_stack: Stack, fault: dict[str, Any], state: provider_pb2.ProviderState.ValueType, reason: str
) -> None:
    await quiet_stack.controls[CERTIFICATE_MANAGER].fail(**fault)
    async with Gateway(quiet_stack.settings(quiet_stack.provider("nhn-certs", timeout=0.5))) as gateway:
        failed, recovered = await checked(gateway, "nhn-certs"), await checked(gateway, "nhn-certs")

    assert (failed.state, failed.state_reason) == (state, reason)
    assert (recovered.state, recovered.state_reason) == (READY, "")
    assert recovered.check_time.ToDatetime() > failed.check_time.ToDatetime()


@pytest.fixture(scope="module")
async def tls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EmulatorHost, Path]]:
    """Yield a Certificate Manager with HTTPS on localhost, and the authority of its certificate."""
    authority = OpensslAuthority(tmp_path_factory.mktemp("tls"))
    pair = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    async with EmulatorHost(CertificateManagerEmulator, HostOptions(tls=context)) as emulator:
        yield emulator, authority.pair.certificate


@pytest.mark.parametrize(
    ("trusted", "host", "expected"),
    [
        (True, "localhost", (READY, "")),
        (True, "127.0.0.1", (UNREACHABLE, "PROVIDER_TLS_FAILED")),
        (False, "localhost", (UNREACHABLE, "PROVIDER_TLS_FAILED")),
    ],
    ids=["trusted", "another name", "not trusted"],
)
async def test_failed_tls_makes_a_provider_unreachable(
    quiet_stack: Stack,
    tls: tuple[EmulatorHost, Path],
    trusted: bool,
    host: str,
    expected: tuple[provider_pb2.ProviderState.ValueType, str],
) -> None:
    emulator, authority = tls
    anchors = {"ca_certificates": {"file": str(authority)}} if trusted else {}
    endpoint = emulator.url.replace("127.0.0.1", host)
    async with Gateway(
        quiet_stack.settings(quiet_stack.provider("nhn-certs", endpoint=endpoint, **anchors))
    ) as gateway:
        found = await checked(gateway, "nhn-certs")

    assert (found.state, found.state_reason) == expected
