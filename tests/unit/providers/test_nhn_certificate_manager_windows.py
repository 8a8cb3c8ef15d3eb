"""Windows of Certificate Manager's list, read from pages of any size."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedResponse
from gateway.providers.base.listing import LazyRows, ListWindow
from gateway.providers.nhn_certificate_manager import listing
from gateway.providers.nhn_certificate_manager.listing import CertificateList, PageSize
from gateway.providers.nhn_certificate_manager.messages import Page
from gateway.upstream.faults import ResponseTooLong
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service

ALL = service.CERTIFICATE_STATE_FILTER_ALL


class ListedPages:
    """An upstream with `total` rows that returns at most `most` of them per page.

    fitting: a page of more rows exceeds the maximum size of a response.
    """

    def __init__(self, total: int, most: int, fitting: int = 1000) -> None:
        self.fitting = fitting
        self.page_size = PageSize()
        self.rows = [certificates.Certificate(display_name=str(number)) for number in range(total)]
        self.most = most
        self.requests: list[tuple[int, int]] = []

    async def page(
        self, number: int, size: int, state: service.CertificateStateFilter.ValueType, name: str | None
    ) -> Page:
        assert state == ALL
        self.requests.append((number, size))
        if size > self.fitting:
            raise ResponseTooLong("too long", provider="nhn")
        size = min(size, self.most)
        rows = self.rows[(number - 1) * size : number * size]
        wanted = rows if name is None else [row for row in rows if row.display_name == name]
        return Page(wanted, len(rows), number, size, len(self.rows))

    def list(self) -> CertificateList:
        return CertificateList(self, "nhn", self.page_size)


@settings(max_examples=300)
@given(st.integers(0, 120), st.integers(0, 150), st.integers(1, 60), st.integers(1, 60))
async def test_window_contains_its_rows_for_any_page_size(total: int, offset: int, limit: int, most: int) -> None:
    upstream = ListedPages(total, most)
    found = await upstream.list().read_window(ListWindow(offset, limit, ALL))
    assert list(found.certificates) == upstream.rows[offset : offset + limit]
    assert found.total == total
    if limit <= most:
        assert len(upstream.requests) <= 1 + bool(offset % limit)


async def test_window_of_a_thousand_rows_is_read_from_pages_of_ten() -> None:
    upstream = ListedPages(5000, 10)
    found = await upstream.list().read_window(ListWindow(3333, 1000, ALL))
    assert list(found.certificates) == upstream.rows[3333:4333]


class MiscountedPages(ListedPages):
    """An upstream that reports one row too many, and the length of each page as its size."""

    async def page(
        self, number: int, size: int, state: service.CertificateStateFilter.ValueType, name: str | None
    ) -> Page:
        page = await super().page(number, size, state, name)
        return Page(page.certificates, page.count, number, page.count, page.total + 1)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 20), st.integers(1, 20))
async def test_number_of_requests_is_limited_if_the_upstream_miscounts(
    total: int, offset: int, limit: int, most: int
) -> None:
    upstream = MiscountedPages(total, most)
    try:
        found = await upstream.list().read_window(ListWindow(offset, limit, ALL))
    except MalformedResponse:
        return
    assert list(found.certificates) == upstream.rows[offset : offset + limit]
    assert len(upstream.requests) <= listing.MAXIMUM_REQUESTS


@pytest.mark.parametrize("wanted", [0, 9, 10, 57])
async def test_certificate_is_found_on_any_page(wanted: int) -> None:
    upstream = ListedPages(58, 10)
    found = await upstream.list().find(str(wanted))
    assert found is not None
    assert found.display_name == str(wanted)
    assert await upstream.list().find("58") is None


async def test_search_makes_a_limited_number_of_requests() -> None:
    upstream = ListedPages(100_000, 10)
    with pytest.raises(MalformedResponse):
        await upstream.list().find("99999")
    assert len(upstream.requests) == listing.MAXIMUM_SEARCH_REQUESTS


async def test_search_ends_at_the_page_with_the_certificate() -> None:
    upstream = ListedPages(5000, 1000)
    assert await upstream.list().find("1500") is not None
    assert upstream.requests == [(1, 1000), (2, 1000)]


async def test_pages_shrink_until_they_fit_and_stay_small() -> None:
    upstream = ListedPages(1000, 1000, fitting=300)
    found = await upstream.list().read_window(ListWindow(100, 600, ALL))
    assert list(found.certificates) == upstream.rows[100:700]
    assert upstream.requests == [(1, 600), (1, 300), (2, 300), (3, 300)]
    upstream.requests.clear()
    assert await upstream.list().find("999") is not None
    assert upstream.requests == [(1, 300), (2, 300), (3, 300), (4, 300)]


async def test_row_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ResponseTooLong):
        await ListedPages(5, 10, fitting=0).list().find("1")


async def test_window_ends_when_its_rows_are_large_enough() -> None:
    upstream = ListedPages(1000, 1000, fitting=250)
    for row in upstream.rows:
        row.domains.extend([f"{number:060}.example.com" for number in range(100)])
    found = await upstream.list().read_window(ListWindow(0, 1000, ALL))
    assert (len(found.certificates), found.total) == (500, 1000)


async def test_rows_that_are_only_counted_do_not_become_messages() -> None:
    converted: list[int] = []

    def row(number: int) -> certificates.Certificate:
        converted.append(number)
        return certificates.Certificate(display_name=str(number))

    class LazyPages(ListedPages):
        async def page(
            self, number: int, size: int, state: service.CertificateStateFilter.ValueType, name: str | None
        ) -> Page:
            page = await super().page(number, size, state, name)
            start = (number - 1) * page.size
            rows = LazyRows(partial(row, start + index) for index in range(page.count))
            return Page(rows, page.count, number, page.size, page.total)

    found = await LazyPages(50, 10).list().read_window(ListWindow(13, 10, ALL))
    assert (len(found.certificates), found.total) == (10, 50)
    # The window needs another page, unless its first rows already fill a response.
    assert converted == list(range(13, 20))
    assert [each.display_name for each in found.certificates[:9]] == [str(number) for number in range(13, 22)]
    assert converted == list(range(13, 22))
