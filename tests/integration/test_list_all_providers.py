"""Lists over all providers: page sizes, the order of providers, and unreachable providers."""

import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from keyway.v1 import certificate_service_pb2 as service
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.wire import failure_of

EVERY = "providers/-"
ALL, EXPIRED = service.CERTIFICATE_STATE_FILTER_ALL, service.CERTIFICATE_STATE_FILTER_EXPIRED
FIRST = [f"first-{number}.example.com" for number in range(3)]
SECOND = [f"second-{number}.example.com" for number in range(4)]
ROWS = [
    *(f"providers/a-first/certificates/{name}" for name in FIRST),
    "providers/b-warp/certificates/server",
    *(f"providers/d-second/certificates/{name}" for name in SECOND),
]
"""The listed certificates, in order. c-gone is unreachable, and e-keys has no certificates."""


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections: it is bound, but nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack, closed_port: int) -> AsyncIterator[Gateway]:
    """Yield a gateway with two Certificate Managers, an ASTERIA, an unreachable provider, and a key provider."""
    stack = seeded_stack
    rows = [
        {"name": name, "app_key": app_key, "expiration_date": "2999-12-31"}
        for app_key, names in (("first", FIRST), ("second", SECOND))
        for name in names
    ]
    await stack.controls[CERTIFICATE_MANAGER].seed({"certificates": rows})
    certs, warp, keys = (stack.provider(each) for each in ("nhn-certs", "asteria", "nhn-keys"))
    settings = stack.settings(
        {**keys, "id": "e-keys"},
        {**certs, "id": "d-second", "app_key": "second"},
        {**certs, "id": "c-gone", "endpoint": f"http://127.0.0.1:{closed_port}"},
        {**certs, "id": "a-first", "app_key": "first"},
        {**warp, "id": "b-warp"},
    )
    async with Gateway(settings) as served:
        yield served


async def page_of(
    gateway: Gateway, size: int = 0, token: str = "", state: service.CertificateStateFilter.ValueType = ALL
) -> service.ListCertificatesResponse:
    """Return one page of all providers."""
    request = service.ListCertificatesRequest(parent=EVERY, page_size=size, page_token=token, state=state)
    return await gateway.certificates.ListCertificates(request)


@pytest.mark.parametrize("size", range(1, len(ROWS) + 2))
async def test_pages_of_any_size_list_the_providers_by_id(quiet_stack: Stack, gateway: Gateway, size: int) -> None:
    pages = [await page_of(gateway, size)]
    while pages[-1].next_page_token:
        pages.append(await page_of(gateway, size, pages[-1].next_page_token))

    assert [[row.name for row in page.certificates] for page in pages] == [
        ROWS[start : start + size] for start in range(0, len(ROWS), size)
    ]
    assert {page.total_size for page in pages} == {len(ROWS)}
    assert list(pages[0].unreachable) == ["providers/c-gone"]


async def test_provider_without_certificates_is_skipped(quiet_stack: Stack, gateway: Gateway) -> None:
    page = await page_of(gateway)

    assert "providers/e-keys" not in page.unreachable
    assert len(page.certificates) == len(ROWS)


async def test_certificate_without_a_password_has_no_state_and_is_not_listed_as_expired(
    quiet_stack: Stack, gateway: Gateway
) -> None:
    page = await page_of(gateway)
    (server,) = (row for row in page.certificates if row.name.startswith("providers/b-warp"))

    assert server == type(server)(name="providers/b-warp/certificates/server", display_name="server")
    assert list((await page_of(gateway, state=EXPIRED)).certificates) == []


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (ASTERIA, {"mode": "html", "status": 502}),
        (ASTERIA, {"mode": "error", "code": "5102"}),
        (ASTERIA, {"mode": "cut_off"}),
        (ASTERIA, {"mode": "close"}),
    ],
    ids=["502", "an error of its own", "cut off", "hung up"],
)
async def test_failed_provider_is_unreachable_and_not_counted(
    quiet_stack: Stack, gateway: Gateway, kind: str, fault: dict[str, object]
) -> None:
    await quiet_stack.controls[kind].fail(**fault, count=2, path="/exist$")
    page = await page_of(gateway)

    assert list(page.unreachable) == ["providers/b-warp", "providers/c-gone"]
    assert [row.name for row in page.certificates] == [row for row in ROWS if "b-warp" not in row]
    assert page.total_size == len(ROWS) - 1
    assert page.next_page_token == ""


async def test_list_continues_if_a_provider_fails_between_pages(quiet_stack: Stack, gateway: Gateway) -> None:
    first = await page_of(gateway, 2)
    await quiet_stack.controls[CERTIFICATE_MANAGER].fail(mode="html", status=503, path="/appkeys/first/", count=1)
    second = await page_of(gateway, 2, first.next_page_token)
    third = await page_of(gateway, 100, second.next_page_token)

    assert [row.name for row in first.certificates] == ROWS[:2]
    assert list(second.unreachable) == ["providers/a-first", "providers/c-gone"]
    names = [row.name for page in (second, third) for row in page.certificates]
    assert names == ROWS[3:]


async def test_list_of_one_unreachable_provider_fails(gateway: Gateway) -> None:
    request = service.ListCertificatesRequest(parent="providers/c-gone")
    failure = await failure_of(gateway.certificates.ListCertificates(request))

    assert failure.kind == ("UNAVAILABLE", "PROVIDER_UNREACHABLE")
    assert failure.retry is not None


async def test_wildcard_is_rejected_outside_lists(gateway: Gateway) -> None:
    name = "providers/-/certificates/server"
    failure = await failure_of(gateway.certificates.CheckCertificate(service.CheckCertificateRequest(name=name)))

    assert (failure.kind, failure.fields) == (("INVALID_ARGUMENT", "INVALID_REQUEST"), ["name"])


async def test_list_is_empty_without_certificate_providers(quiet_stack: Stack) -> None:
    async with Gateway(quiet_stack.settings(quiet_stack.provider("nhn-keys"))) as gateway:
        assert await page_of(gateway) == service.ListCertificatesResponse()


async def test_token_of_a_removed_provider_is_rejected(quiet_stack: Stack, gateway: Gateway) -> None:
    token = (await page_of(gateway, 4)).next_page_token
    without = quiet_stack.settings({**quiet_stack.provider("nhn-certs"), "id": "a-first", "app_key": "first"})
    async with Gateway(without) as other:
        failure = await failure_of(page_of(other, 4, token))

    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
