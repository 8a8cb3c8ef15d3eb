"""Lists of certificates of one provider and of all: each row once, for all page sizes and failures."""

import itertools
import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.errors import GatewayError, InvalidRequest
from gateway.providers.base import listing
from gateway.providers.base.listing import CertificatePage, ListWindow
from gateway.providers.catalog import Catalog
from gateway.server.services import certificate_service, paging
from gateway.server.services.certificate_service import CertificateLister
from gateway.server.services.paging import PagePosition
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.fake_providers import FakeProvider, Inventory, page, unreachable
from tests.support.upstream_client import new_call

ALL = "providers/-"
MANY_PAGES = 200


def inventories(*sizes: int) -> list[Inventory]:
    return [Inventory(f"p{number}", size) for number, size in enumerate(sizes)]


async def list_page(
    providers: Sequence[Inventory], parent: str = ALL, size: int = 0, token: str = "", state: int = 0
) -> certificates.ListCertificatesResponse:
    request = certificates.ListCertificatesRequest(parent=parent, page_size=size, page_token=token)
    request.state = state  # type: ignore[assignment]
    return await CertificateLister(Catalog(providers)).list_certificates(request, new_call())


async def list_all(
    providers: Sequence[Inventory], sizes: Iterator[int], parent: str = ALL
) -> list[certificates.ListCertificatesResponse]:
    """Return all pages, and check that the list ends."""
    pages = [await list_page(providers, parent, next(sizes))]
    while pages[-1].next_page_token:
        pages.append(await list_page(providers, parent, next(sizes), pages[-1].next_page_token))
        assert len(pages) < MANY_PAGES
    return pages


def names(pages: list[certificates.ListCertificatesResponse]) -> list[str]:
    return [row.name for answer in pages for row in answer.certificates]


provider_sizes = st.lists(st.integers(0, 12), max_size=5)
page_sizes = st.lists(st.integers(1, 9), min_size=1, max_size=6).map(itertools.cycle)


@given(provider_sizes, page_sizes)
async def test_list_of_all_providers_has_each_row_once_in_order(sizes: list[int], pages_of: Iterator[int]) -> None:
    providers = inventories(*sizes)
    pages = await list_all(providers, pages_of)
    assert names(pages) == [name for provider in providers for name in provider.names]
    assert {answer.total_size for answer in pages} == {sum(sizes)}
    assert all(answer.certificates for answer in pages[1:])
    assert not any(answer.unreachable for answer in pages)


@given(st.integers(0, 30), page_sizes)
async def test_list_of_one_provider_has_each_row_once(size: int, pages_of: Iterator[int]) -> None:
    providers = inventories(3, size)
    pages = await list_all(providers, pages_of, "providers/p1")
    assert names(pages) == providers[1].names
    assert {answer.total_size for answer in pages} == {size}
    assert providers[0].windows == []


@given(provider_sizes, page_sizes, st.sets(st.integers(0, 4)))
async def test_unreachable_providers_are_named_on_each_page_without_them(
    sizes: list[int], pages_of: Iterator[int], gone: set[int]
) -> None:
    providers = inventories(*sizes)

    def fail(window: ListWindow) -> CertificatePage:
        raise unreachable("gone")

    for number in gone & set(range(len(providers))):
        providers[number].page = fail
    pages = await list_all(providers, pages_of)
    there = [provider for number, provider in enumerate(providers) if number not in gone]
    assert names(pages) == [name for provider in there for name in provider.names]
    assert {answer.total_size for answer in pages} == {sum(len(provider.names) for provider in there)}
    named = {name for answer in pages for name in answer.unreachable}
    assert named == {f"providers/p{number}" for number in gone if number < len(providers)}


@given(st.integers(), provider_sizes, page_sizes)
async def test_list_ends_if_an_upstream_returns_wrong_totals(
    seed: int, sizes: list[int], pages_of: Iterator[int]
) -> None:
    """Pages can be too short, too long, or empty. No page is too long, and the list does not loop."""
    providers, chance = inventories(*sizes), random.Random(seed)

    def lie(provider: Inventory, window: ListWindow) -> CertificatePage:
        length = chance.randint(0, window.limit + 2)
        rows = provider.names[window.offset : window.offset + length]
        return page(rows, chance.randint(0, 40))

    for provider in providers:
        provider.page = lambda window, provider=provider: lie(provider, window)  # type: ignore[misc]
    token = ""
    for size in itertools.islice(pages_of, MANY_PAGES):
        answer = await list_page(providers, ALL, size, token)
        assert len(answer.certificates) <= size
        assert answer.total_size >= 0
        token = answer.next_page_token
        if not token:
            break
    assert not token


@given(st.integers(1, 20), st.integers(0, 20), st.integers(1, 5))
async def test_list_continues_if_a_provider_shrinks_between_pages(before: int, after: int, size: int) -> None:
    providers = inventories(before, 2)
    first = await list_page(providers, ALL, size)
    del providers[0].names[after:]
    rest = [first]
    while rest[-1].next_page_token:
        rest.append(await list_page(providers, ALL, size, rest[-1].next_page_token))
        assert len(rest) < MANY_PAGES
    listed = names(rest)
    assert len(set(listed)) == len(listed)
    assert set(providers[0].names + providers[1].names) <= set(listed)


@pytest.mark.parametrize("parent", [ALL, "providers/p0"])
async def test_provider_without_the_rows_it_promises_ends_the_list(parent: str) -> None:
    (provider,) = providers = inventories(0)
    provider.page = lambda window: page([], 1_000_000)
    answer = await list_page(providers, parent)
    assert (names([answer]), answer.next_page_token) == ([], "")


@pytest.mark.parametrize("parent", [ALL, "providers/p0"])
async def test_totals_are_limited_to_int32(parent: str) -> None:
    providers = inventories(1, 1)
    for provider in providers:
        provider.page = lambda window: page(["a"], 2**40)
    answer = await list_page(providers, parent, 1)
    assert answer.total_size == 2**31 - 1
    assert answer.next_page_token


async def test_bug_in_one_adapter_makes_its_provider_unreachable() -> None:
    providers = inventories(1, 1)

    def fail(window: ListWindow) -> CertificatePage:
        raise ValueError("a bug")

    providers[0].page = fail
    answer = await list_page(providers)
    assert names([answer]) == providers[1].names
    assert answer.unreachable == ["providers/p0"]


async def test_list_of_one_provider_fails_with_its_error() -> None:
    providers = inventories(1)

    def fail(window: ListWindow) -> CertificatePage:
        raise unreachable("p0")

    providers[0].page = fail
    with pytest.raises(GatewayError) as caught:
        await list_page(providers, "providers/p0")
    assert caught.value.metadata == {"provider": "p0"}


async def test_providers_without_certificates_are_skipped() -> None:
    catalog = Catalog([FakeProvider("keys"), Inventory("certs", 1)])
    request = certificates.ListCertificatesRequest(parent=ALL)
    answer = await CertificateLister(catalog).list_certificates(request, new_call())
    assert ([row.name for row in answer.certificates], list(answer.unreachable)) == (
        ["providers/certs/certificates/0"],
        [],
    )
    with pytest.raises(GatewayError) as caught:
        await CertificateLister(catalog).list_certificates(
            certificates.ListCertificatesRequest(parent="providers/keys"), new_call()
        )
    assert caught.value.kind == errors.METHOD_NOT_SUPPORTED


async def test_unknown_provider_is_not_found() -> None:
    with pytest.raises(GatewayError) as caught:
        await list_page(inventories(1), "providers/other")
    assert (caught.value.kind, caught.value.resource) == (errors.PROVIDER_NOT_FOUND, "providers/other")


@pytest.mark.parametrize("parent", [ALL, "providers/p0"])
async def test_default_page_size_and_filter(parent: str) -> None:
    (provider,) = providers = inventories(60)
    answer = await list_page(providers, parent)
    assert len(answer.certificates) == 50
    assert provider.windows == [ListWindow(0, 50, certificates.CERTIFICATE_STATE_FILTER_UNEXPIRED)]
    # The default filter and the same one by name are one list.
    rest = await list_page(
        providers, parent, token=answer.next_page_token, state=certificates.CERTIFICATE_STATE_FILTER_UNEXPIRED
    )
    assert names([answer, rest]) == provider.names


@pytest.mark.parametrize(
    ("parent", "state"),
    [("providers/p0", 0), ("providers/p1", 0), (ALL, 2), (ALL, 3)],
)
async def test_token_of_a_different_list_is_rejected(parent: str, state: int) -> None:
    providers = inventories(3, 3)
    token = (await list_page(providers, ALL, 1)).next_page_token
    assert len((await list_page(providers, ALL, 2, token)).certificates) == 2
    with pytest.raises(InvalidRequest) as caught:
        await list_page(providers, parent, 1, token, state)
    assert caught.value.kind == errors.INVALID_PAGE_TOKEN


async def test_token_of_a_removed_provider_is_rejected() -> None:
    """Its offset must not apply to a different provider."""
    token = paging.ROWS.encode(PagePosition("removed", 2, 5), f"{ALL}?state=1")
    with pytest.raises(InvalidRequest) as caught:
        await list_page(inventories(3), ALL, 1, token)
    assert caught.value.kind == errors.INVALID_PAGE_TOKEN


@given(provider_sizes, page_sizes, st.integers(1, 200))
async def test_pages_that_end_early_because_of_their_size_have_each_row_once(
    sizes: list[int], pages_of: Iterator[int], maximum: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (listing, certificate_service):
            patch.setattr(module, "MAXIMUM_PAGE_BYTES", maximum)
        providers = inventories(*sizes)
        pages = await list_all(providers, pages_of)
    assert names(pages) == [name for provider in providers for name in provider.names]
    assert {answer.total_size for answer in pages} == {sum(sizes)}
    assert all(sum(row.ByteSize() for row in answer.certificates[:-1]) < maximum for answer in pages)
