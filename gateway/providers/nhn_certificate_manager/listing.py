"""Listing of Certificate Manager: windows of rows from numbered pages, and the search for a certificate by name.

Certificate Manager counts pages from 1 (pageNum, pageSize, all). It can return pages of another size than requested.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from gateway.errors import MalformedResponse
from gateway.providers.base.listing import CertificatePage, ListWindow
from gateway.providers.nhn_certificate_manager.client import Filter
from gateway.providers.nhn_certificate_manager.messages import Page
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service

MAXIMUM_REQUESTS: Final = 110
"""Maximum number of requests per call. Enough for 1,000 rows if the upstream returns its default of 10 per page."""

LONGEST_WINDOW: Final = 1000


class Pages(Protocol):
    """The source of the pages."""

    async def page(self, number: int, size: int, state: Filter) -> Page:
        """Return one page. `number` counts from 1."""

    async def everything(self) -> Page:
        """Return all certificates, expired ones included, on one page."""


async def read_window(pages: Pages, window: ListWindow, provider: str) -> CertificatePage:
    """Return the rows of a window, read from one page if the offset is a multiple of the limit, otherwise from two.

    If the upstream returns pages of another size than requested, the window is read in pages of that size.
    Raises MalformedResponse if the pages do not cover the window.
    """
    return await _read_window(pages, window, provider, iter(range(MAXIMUM_REQUESTS)))


async def _read_window(pages: Pages, window: ListWindow, provider: str, requests: Iterator[int]) -> CertificatePage:
    """requests: an iterator with one item for each request that is still allowed."""
    rows: list[certificates.Certificate] = []
    position, size = window.offset, window.limit
    for _ in requests:
        page = await pages.page(position // size + 1, size, window.state)
        requested, size = size, page.size or size
        start = max(page.number - 1, 0) * size
        # If the page size differs from the requested one, the position of the page is reliable only for the first page.
        # For other pages, request again with the upstream's page size.
        found = start <= position < start + size and (size == requested or start == 0)
        if found:
            rows.extend(page.certificates[position - start :])
            position = start + max(size, len(page.certificates))
        if len(rows) >= window.limit or position >= page.total or not page.certificates:
            return CertificatePage(rows[: window.limit], page.total)
        if not found and size == requested:
            break
    raise MalformedResponse(
        f"provider {provider} returned list pages that do not cover the requested rows", provider=provider
    )


async def find(pages: Pages, certificate_name: str, provider: str) -> certificates.Certificate | None:
    """Return the certificate with this name, expired or not; None if it does not exist.

    If the upstream does not return the whole list on one page, the rest is requested.
    """
    page = await pages.everything()
    found = _named(page.certificates, certificate_name)
    seen, total = len(page.certificates), page.total
    requests = iter(range(MAXIMUM_REQUESTS - 1))
    while found is None and seen < total:
        window = ListWindow(seen, LONGEST_WINDOW, service.CERTIFICATE_STATE_FILTER_ALL)
        more = await _read_window(pages, window, provider, requests)
        if not more.certificates:
            break
        found = _named(more.certificates, certificate_name)
        seen, total = seen + len(more.certificates), more.total
    return found


def _named(rows: Sequence[certificates.Certificate], name: str) -> certificates.Certificate | None:
    """Return the row with this name, which is compared character by character: policy decided about this spelling."""
    return next((row for row in rows if row.display_name == name), None)
