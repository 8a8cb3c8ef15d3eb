"""Windows of Certificate Manager's list, read from pages of any size."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedResponse
from gateway.providers.base.listing import ListWindow
from gateway.providers.nhn_certificate_manager import listing
from gateway.providers.nhn_certificate_manager.messages import Page
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service

ALL = service.CERTIFICATE_STATE_FILTER_ALL


class ListedPages:
    """An upstream with `total` rows that returns at most `most` of them per page."""

    def __init__(self, total: int, most: int) -> None:
        self.rows = [certificates.Certificate(display_name=str(number)) for number in range(total)]
        self.most = most
        self.requests: list[tuple[int, int]] = []

    async def page(self, number: int, size: int, state: service.CertificateStateFilter.ValueType) -> Page:
        assert state == ALL
        self.requests.append((number, size))
        size = min(size, self.most)
        return Page(self.rows[(number - 1) * size : number * size], number, size, len(self.rows))

    async def everything(self) -> Page:
        return await self.page(1, 10, ALL)


@settings(max_examples=300)
@given(st.integers(0, 120), st.integers(0, 150), st.integers(1, 60), st.integers(1, 60))
async def test_window_contains_its_rows_for_any_page_size(total: int, offset: int, limit: int, most: int) -> None:
    upstream = ListedPages(total, most)
    found = await listing.read_window(upstream, ListWindow(offset, limit, ALL), "nhn")
    assert list(found.certificates) == upstream.rows[offset : offset + limit]
    assert found.total == total
    if limit <= most:
        assert len(upstream.requests) <= 1 + bool(offset % limit)


async def test_window_of_a_thousand_rows_is_read_from_pages_of_ten() -> None:
    upstream = ListedPages(5000, 10)
    found = await listing.read_window(upstream, ListWindow(3333, 1000, ALL), "nhn")
    assert list(found.certificates) == upstream.rows[3333:4333]


class MiscountedPages(ListedPages):
    """An upstream that reports one row too many, and the length of each page as its size."""

    async def page(self, number: int, size: int, state: service.CertificateStateFilter.ValueType) -> Page:
        page = await super().page(number, size, state)
        return Page(page.certificates, number, len(page.certificates), page.total + 1)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 20), st.integers(1, 20))
async def test_number_of_requests_is_limited_if_the_upstream_miscounts(
    total: int, offset: int, limit: int, most: int
) -> None:
    upstream = MiscountedPages(total, most)
    try:
        found = await listing.read_window(upstream, ListWindow(offset, limit, ALL), "nhn")
    except MalformedResponse:
        return
    assert list(found.certificates) == upstream.rows[offset : offset + limit]
    assert len(upstream.requests) <= listing.MAXIMUM_REQUESTS


@pytest.mark.parametrize("wanted", [0, 9, 10, 57])
async def test_certificate_is_found_on_any_page(wanted: int) -> None:
    upstream = ListedPages(58, 10)
    found = await listing.find(upstream, str(wanted), "nhn")
    assert found is not None
    assert found.display_name == str(wanted)
    assert await listing.find(upstream, "58", "nhn") is None


async def test_search_makes_a_limited_number_of_requests() -> None:
    upstream = ListedPages(100_000, 10)
    with pytest.raises(MalformedResponse):
        await listing.find(upstream, "99999", "nhn")
    assert len(upstream.requests) == listing.MAXIMUM_REQUESTS
