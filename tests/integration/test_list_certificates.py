"""The list of one Certificate Manager: page sizes, filters, and page tokens."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from itertools import cycle

import pytest

from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import provider_service_pb2 as providers
from tests.support.certificate_manager import DirectCertificateUser
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.wire import failure_of

PARENT = "providers/nhn-certs"
UNEXPIRED, EXPIRED = service.CERTIFICATE_STATE_FILTER_UNEXPIRED, service.CERTIFICATE_STATE_FILTER_EXPIRED
ALL, UNSPECIFIED = service.CERTIFICATE_STATE_FILTER_ALL, service.CERTIFICATE_STATE_FILTER_UNSPECIFIED

COUNT = 23
"""The number of certificates. Every third one has expired."""
NAMES = [f"인증서-{number:02}.example.com" for number in range(COUNT)]
LISTED = {
    UNSPECIFIED: [name for number, name in enumerate(NAMES) if number % 3],
    UNEXPIRED: [name for number, name in enumerate(NAMES) if number % 3],
    EXPIRED: NAMES[::3],
    ALL: NAMES,
}


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """Yield a gateway with two Certificate Managers: one with many certificates, and one without any."""
    stack = seeded_stack
    today = dt.datetime.now(dt.UTC).date()
    rows = [
        {
            "name": name,
            "app_key": "many",
            "expiration_date": (today + dt.timedelta(days=30 if number % 3 else -30)).isoformat(),
        }
        for number, name in enumerate(NAMES)
    ]
    await stack.controls[CERTIFICATE_MANAGER].seed({"certificates": rows, "app_keys": ["none"]})
    many = stack.provider("nhn-certs", app_key="many")
    none = {**many, "id": "empty", "app_key": "none"}
    async with Gateway(stack.settings(many, none)) as served:
        yield served


async def page_of(
    gateway: Gateway,
    size: int = 0,
    token: str = "",
    state: service.CertificateStateFilter.ValueType = UNSPECIFIED,
    parent: str = PARENT,
) -> service.ListCertificatesResponse:
    """Return one page."""
    request = service.ListCertificatesRequest(parent=parent, page_size=size, page_token=token, state=state)
    return await gateway.certificates.ListCertificates(request)


async def pages_of(
    gateway: Gateway, sizes: Sequence[int], state: service.CertificateStateFilter.ValueType = ALL
) -> list[list[str]]:
    """Return the names on each page. The page sizes repeat."""
    found: list[list[str]] = []
    token = ""
    for size in cycle(sizes):
        page = await page_of(gateway, size, token, state)
        assert page.total_size == len(LISTED[state])
        assert not page.unreachable
        found.append([certificate.display_name for certificate in page.certificates])
        token = page.next_page_token
        if not token:
            return found
    raise AssertionError("no page sizes")


@pytest.mark.parametrize("size", range(1, COUNT + 2))
async def test_pages_of_any_size_have_every_certificate_once_in_order(
    quiet_stack: Stack, gateway: Gateway, size: int
) -> None:
    pages = await pages_of(gateway, [size])

    assert pages == [NAMES[start : start + size] for start in range(0, COUNT, size)]


@pytest.mark.parametrize("sizes", [(1, 2), (5, 3), (10, 7), (3, 1000), (7, 1, 4), (22, 1), (2, 9, 1, 8)])
@pytest.mark.parametrize("state", [ALL, UNEXPIRED])
async def test_page_size_can_change_between_pages(
    quiet_stack: Stack, gateway: Gateway, sizes: Sequence[int], state: service.CertificateStateFilter.ValueType
) -> None:
    pages = await pages_of(gateway, sizes, state)

    assert [name for page in pages for name in page] == LISTED[state]
    assert [len(page) for page in pages[:-1]] == [size for size, _ in zip(cycle(sizes), pages[:-1], strict=False)]


@pytest.mark.parametrize("state", LISTED)
async def test_filter_applies_to_the_list_and_the_total(
    quiet_stack: Stack, gateway: Gateway, state: service.CertificateStateFilter.ValueType
) -> None:
    page = await page_of(gateway, state=state)

    assert [certificate.display_name for certificate in page.certificates] == LISTED[state]
    assert page.total_size == len(LISTED[state])
    assert page.next_page_token == ""
    for certificate in page.certificates:
        assert certificate.name == f"{PARENT}/certificates/{certificate.display_name}"
        expired = NAMES.index(certificate.display_name) % 3 == 0
        assert certificate.state == (
            certificate_pb2.CERTIFICATE_STATE_EXPIRED if expired else certificate_pb2.CERTIFICATE_STATE_ACTIVE
        )


async def test_default_page_size_is_fifty(quiet_stack: Stack, gateway: Gateway) -> None:
    await page_of(gateway)
    await page_of(gateway, 1000)

    requests = await quiet_stack.controls[CERTIFICATE_MANAGER].requests()
    base = "/certmanager/v1.2/appkeys/many/certificates"
    assert [request["target"] for request in requests] == [
        f"{base}?pageSize={size}&pageNum=1&all=false&status=UNEXPIRED" for size in (50, 1000)
    ]


@pytest.mark.parametrize("size", [-1, 1001, 2**31 - 1])
async def test_page_size_out_of_range_is_rejected(quiet_stack: Stack, gateway: Gateway, size: int) -> None:
    failure = await failure_of(page_of(gateway, size))

    assert (failure.kind, failure.fields) == (("INVALID_ARGUMENT", "INVALID_REQUEST"), ["page_size"])


async def test_empty_list_is_one_empty_page(quiet_stack: Stack, gateway: Gateway) -> None:
    assert await page_of(gateway, parent="providers/empty", state=ALL) == service.ListCertificatesResponse()


async def test_row_contains_the_fields_of_the_upstream_only(quiet_stack: Stack) -> None:
    rows = await DirectCertificateUser(quiet_stack).list("UNEXPIRED")
    page = await page_of(quiet_stack.gateway)
    listed = [
        {
            "certificateName": certificate.display_name,
            "authority": certificate.authority or None,
            "domains": list(certificate.domains),
            "signatureAlgorithm": certificate.signature_algorithm or None,
            "fileCreationDate": day(certificate, "file_creation_date"),
            "expirationDate": day(certificate, "expiration_date"),
        }
        for certificate in page.certificates
    ]

    assert listed == rows
    assert not any(certificate.HasField("subject") or certificate.chain for certificate in page.certificates)


def day(certificate: certificate_pb2.Certificate, field: str) -> str | None:
    """Convert a date to the format of the upstream. None stays None."""
    dates = {named.name: value for named, value in certificate.ListFields()}
    return f"{dates[field].year:04}-{dates[field].month:02}-{dates[field].day:02}" if field in dates else None


async def test_altered_token_is_rejected(quiet_stack: Stack, gateway: Gateway) -> None:
    token = (await page_of(gateway, 5)).next_page_token
    altered = {
        *(token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :] for place in range(len(token))),
        *(token[:length] for length in range(1, len(token))),
        token + "A",
        token + "=",
        f" {token}",
        "no token",
        "가",
    }
    assert len(altered) > 100
    for wrong in altered:
        failure = await failure_of(page_of(gateway, 5, wrong))
        assert failure.kind == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"), wrong
        assert failure.fields == ["page_token"]


async def test_token_of_a_different_list_is_rejected(quiet_stack: Stack, gateway: Gateway) -> None:
    unexpired = (await page_of(gateway, 2)).next_page_token
    of_all_providers = (await page_of(gateway, 2, parent="providers/-")).next_page_token
    listed = await gateway.providers.ListProviders(providers.ListProvidersRequest(page_size=1))
    wrong = [
        page_of(gateway, 2, unexpired, state=EXPIRED),
        page_of(gateway, 2, unexpired, state=ALL),
        page_of(gateway, 2, unexpired, parent="providers/empty"),
        page_of(gateway, 2, unexpired, parent="providers/-"),
        page_of(gateway, 2, of_all_providers),
        page_of(gateway, 2, listed.next_page_token),
    ]
    assert all((unexpired, of_all_providers, listed.next_page_token))
    await quiet_stack.controls[CERTIFICATE_MANAGER].forget_requests()
    for call in wrong:
        assert (await failure_of(call)).kind == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
    assert await quiet_stack.controls[CERTIFICATE_MANAGER].requests() == []


async def test_tokens_treat_the_default_filter_as_unexpired(quiet_stack: Stack, gateway: Gateway) -> None:
    token = (await page_of(gateway, 2, state=UNSPECIFIED)).next_page_token
    page = await page_of(gateway, 2, token, state=UNEXPIRED)

    assert [certificate.display_name for certificate in page.certificates] == LISTED[UNEXPIRED][2:4]


async def test_token_is_opaque_and_valid_after_a_restart(quiet_stack: Stack, gateway: Gateway) -> None:
    token = (await page_of(gateway, 5)).next_page_token
    assert PARENT not in token
    assert "many" not in token
    async with Gateway(quiet_stack.settings(quiet_stack.provider("nhn-certs", app_key="many"))) as another:
        page = await page_of(another, 5, token)

    assert [certificate.display_name for certificate in page.certificates] == LISTED[UNEXPIRED][5:10]


async def test_page_past_the_end_of_a_shrunken_list_is_empty_and_last(quiet_stack: Stack, gateway: Gateway) -> None:
    token = (await page_of(gateway, 20, state=ALL)).next_page_token
    async with Gateway(quiet_stack.settings(quiet_stack.provider("nhn-certs", app_key="none"))) as shrunk:
        page = await page_of(shrunk, 20, token, ALL)

    assert page == service.ListCertificatesResponse()
