"""Listing of Certificate Manager: windows of rows from numbered pages, and the search for a certificate by name.

Certificate Manager counts pages from 1 (pageNum, pageSize). It can return pages of another size than requested. The
whole list on one page (all=true) is not used, because its size has no limit.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.errors import MalformedResponse
from gateway.providers.base.listing import MAXIMUM_PAGE_BYTES, CertificatePage, LazyRows, ListWindow
from gateway.providers.nhn_certificate_manager.client import Filter
from gateway.providers.nhn_certificate_manager.messages import Page
from gateway.upstream.faults import ResponseTooLong
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service

MAXIMUM_REQUESTS: Final = 110
"""Maximum number of requests for a window. Enough for 1,000 rows if the upstream returns its default of 10 per page."""

MAXIMUM_SEARCH_REQUESTS: Final = 1000
"""Maximum number of requests for a search. Enough for 10,000 rows in pages of 10; the deadline usually ends earlier."""

LARGEST_PAGE: Final = 1000


@dataclass(slots=True)
class PageSize:
    """The number of rows to request at most. It shrinks when a page exceeds the maximum size of a response."""

    largest: int = LARGEST_PAGE


class Pages(Protocol):
    """The source of the pages."""

    async def page(self, number: int, size: int, state: Filter, name: str | None) -> Page:
        """Return one page. `number` counts from 1. name: see `messages.page`."""


@dataclass(frozen=True, slots=True)
class CertificateList:
    """The certificate list of a provider, read within one call. page_size: shared by all calls of the provider."""

    pages: Pages
    provider: str
    page_size: PageSize

    async def read_window(self, window: ListWindow) -> CertificatePage:
        """Return the rows of a window. It can end before its limit if its rows reach MAXIMUM_PAGE_BYTES.

        If the upstream returns pages of another size than requested, the window is read in pages of that size.
        Raises MalformedResponse if the pages do not cover the window.
        """
        rows = LazyRows()
        total = size = measured = 0
        async with aclosing(self._read(window, MAXIMUM_REQUESTS)) as pages:
            async for page, skipped in pages:
                rows.extend(page.certificates[skipped:])
                total = page.total
                if len(rows) >= window.limit or window.offset + len(rows) >= total:
                    break
                size += sum(rows[index].ByteSize() for index in range(measured, len(rows)))
                measured = len(rows)
                if size >= MAXIMUM_PAGE_BYTES:
                    break
        return CertificatePage(rows[: window.limit], total)

    async def find(self, name: str) -> certificates.Certificate | None:
        """Return the certificate with this name, expired or not; None if it does not exist.

        The API has no call for one certificate: pages are read until one contains it.
        """
        everything = ListWindow(0, LARGEST_PAGE, service.CERTIFICATE_STATE_FILTER_ALL)
        async with aclosing(self._read(everything, MAXIMUM_SEARCH_REQUESTS, name)) as pages:
            async for page, _ in pages:
                if page.certificates:
                    return page.certificates[0]
        return None

    async def _read(
        self, window: ListWindow, maximum_requests: int, name: str | None = None
    ) -> AsyncGenerator[tuple[Page, int], None]:
        """Yield the pages from the offset of a window to the end of the list, each with the number of rows to skip."""
        position, size = window.offset, min(window.limit, self.page_size.largest)
        for _ in range(maximum_requests):
            try:
                page = await self.pages.page(position // size + 1, size, window.state, name)
            except ResponseTooLong:
                if size == 1:
                    raise
                size = (size + 1) // 2
                self.page_size.largest = min(self.page_size.largest, size)
                continue
            requested, size = size, page.size or size
            start = max(page.number - 1, 0) * size
            # If the page size differs from the requested one, the position of the page is reliable only for the first
            # page. For other pages, request again with the upstream's page size.
            found = start <= position < start + size and (size == requested or start == 0)
            yield page, position - start if found else page.count
            if found:
                position = start + max(size, page.count)
            if position >= page.total or not page.count:
                return
            if not found and size == requested:
                break
        raise MalformedResponse(
            f"provider {self.provider} returned list pages that do not cover the requested rows", provider=self.provider
        )
