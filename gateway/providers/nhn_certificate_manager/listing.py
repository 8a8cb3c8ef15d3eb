"""The list of certificates: a window of rows out of numbered pages, and one certificate by its name.

Knows how Certificate Manager counts (pageNum from 1, pageSize, all) and that it may give other pages than were asked
for; how an answer reads is the business of `answers.py`.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from gateway.errors import MalformedResponse
from gateway.providers.base.capabilities import CertificatePage, ListWindow
from gateway.providers.nhn_certificate_manager.answers import Page
from gateway.providers.nhn_certificate_manager.requests import Filter
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service

MAXIMUM_REQUESTS: Final = 110
"""Of one call: enough for 1,000 rows from an upstream that gives no more than its default of 10 a page."""

LONGEST_WINDOW: Final = 1000


class Pages(Protocol):
    """Where pages come from."""

    async def page(self, number: int, size: int, state: Filter) -> Page:
        """One page; `number` counts from 1."""

    async def everything(self) -> Page:
        """All certificates, expired ones too, on one page."""


async def read_window(pages: Pages, window: ListWindow, provider: str) -> CertificatePage:
    """The rows of a window: of one page where the offset is a multiple of the limit, else of two.

    Where the upstream's page is of another size than was asked, the window is read in pages of that size.
    MalformedResponse where the pages lead nowhere.
    """
    return await _read_window(pages, window, provider, iter(range(MAXIMUM_REQUESTS)))


async def _read_window(pages: Pages, window: ListWindow, provider: str, requests: Iterator[int]) -> CertificatePage:
    """`requests`: as many as it has left may be made."""
    rows: list[certificates.Certificate] = []
    position, size = window.offset, window.limit
    for _ in requests:
        page = await pages.page(position // size + 1, size, window.state)
        asked, size = size, page.size or size
        start = max(page.number - 1, 0) * size
        # A size that was not asked for says where the page begins only if it begins the list: else ask again by it.
        found = start <= position < start + size and (size == asked or start == 0)
        if found:
            rows.extend(page.certificates[position - start :])
            position = start + max(size, len(page.certificates))
        if len(rows) >= window.limit or position >= page.total or not page.certificates:
            return CertificatePage(rows[: window.limit], page.total)
        if not found and size == asked:
            break
    raise MalformedResponse(f"provider {provider}: its pages do not lead through the list", provider=provider)


async def find(pages: Pages, certificate_name: str, provider: str) -> certificates.Certificate | None:
    """The certificate of this name, expired or not; None where there is none.

    An upstream that gives less than everything when asked for it is asked for the rest.
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
    """Hangul composed or decomposed is the same name; an exact match comes first."""
    exact = next((row for row in rows if row.display_name == name), None)
    if exact is not None:
        return exact
    wanted = _composed(name)
    return next((row for row in rows if _composed(row.display_name) == wanted), None)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
