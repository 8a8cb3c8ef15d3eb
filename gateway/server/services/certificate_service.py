"""CertificateService: the lists of certificates, of one provider or of all. Routing serves all other methods."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.call_context import CallContext
from gateway.contract.resource_names import PROVIDER, WILDCARD, provider_id
from gateway.errors import INVALID_PAGE_TOKEN, GatewayError, InvalidRequest, Violation
from gateway.providers.base.listing import MAXIMUM_PAGE_BYTES, CertificatePage, ListWindow, fitting
from gateway.providers.base.provider import Provider
from gateway.providers.catalog import Catalog
from gateway.server.error_boundary import within_boundary
from gateway.server.method_handler import Operation
from gateway.server.services import paging
from gateway.server.services.paging import PagePosition
from keyway.v1 import certificate_service_pb2 as certificates

_LIST: Final = "list_certificates"
_MAXIMUM_INT32: Final = 2**31 - 1


class CertificateLister:
    """Returns pages of certificates of one provider, or of all providers in the order of their ids.

    Each page queries the current provider and all later ones concurrently. This fills the page however many rows each
    provider has, and gives the total size. The page token contains the number of rows of the earlier providers.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def list_certificates(
        self, request: certificates.ListCertificatesRequest, call: CallContext
    ) -> certificates.ListCertificatesResponse:
        """Return one page. The contract describes its order and the field `unreachable`."""
        state = request.state or certificates.CERTIFICATE_STATE_FILTER_UNEXPIRED
        listing = f"{request.parent}?state={state}"
        position = paging.ROWS.decode(request.page_token, listing)
        window = ListWindow(
            offset=position.offset if position else 0,
            limit=request.page_size or paging.DEFAULT_PAGE_SIZE,
            state=state,
        )
        if provider_id(request.parent) != WILDCARD:
            return await self._of_one(provider_id(request.parent), window, listing, call)
        return await self._of_all(position, window, listing, call)

    async def _of_one(
        self, provider: str, window: ListWindow, listing: str, call: CallContext
    ) -> certificates.ListCertificatesResponse:
        page: CertificatePage = await self._catalog.operation(provider, _LIST)(window, call)
        rows, _ = fitting(page.certificates[: window.limit])
        end = window.offset + len(rows)
        token = paging.ROWS.encode(PagePosition(provider, end, 0), listing) if rows and end < page.total else ""
        return certificates.ListCertificatesResponse(
            certificates=rows, next_page_token=token, total_size=min(page.total, _MAXIMUM_INT32)
        )

    async def _of_all(
        self, position: PagePosition | None, window: ListWindow, listing: str, call: CallContext
    ) -> certificates.ListCertificatesResponse:
        providers = self._from(position, call)
        windows = [replace(window, offset=window.offset if index == 0 else 0) for index in range(len(providers))]
        pages = await asyncio.gather(
            *(self._page(provider, window, call) for provider, window in zip(providers, windows, strict=True))
        )
        response = certificates.ListCertificatesResponse()
        counted = position.rows_before if position else 0
        size = 0
        for provider, part, page in zip(providers, windows, pages, strict=True):
            if page is None:
                response.unreachable.append(PROVIDER.format(provider=provider.id))
                continue
            room = 0 if response.next_page_token else window.limit - len(response.certificates)
            rows, size = fitting(page.certificates[:room], size)
            response.certificates.extend(rows)
            end = part.offset + len(rows)
            # An upstream can report more rows than it returns. A page without rows then ends the list.
            is_full = not room or size >= MAXIMUM_PAGE_BYTES
            if end < page.total and not response.next_page_token and (rows or is_full):
                response.next_page_token = paging.ROWS.encode(PagePosition(provider.id, end, counted), listing)
            counted = min(counted + page.total, _MAXIMUM_INT32)
        response.total_size = counted
        return response

    def _from(self, position: PagePosition | None, call: CallContext) -> Sequence[Provider]:
        """Return the permitted providers with certificates from the token's provider on, sorted by id.

        Sorting keeps tokens valid if the configuration lists the providers in a different order.
        """
        serving = [provider for provider in self._catalog if self._catalog.serves(provider, _LIST)]
        providers = sorted(serving, key=lambda provider: provider.id)
        if call.providers is not None:
            providers = [provider for provider in providers if provider.id in call.providers]
        ids = [provider.id for provider in providers]
        if position is None:
            return providers
        if position.provider not in ids:
            violation = Violation("page_token", "belongs to a different configuration; restart from the first page")
            raise InvalidRequest([violation], kind=INVALID_PAGE_TOKEN)
        return providers[ids.index(position.provider) :]

    async def _page(self, provider: Provider, window: ListWindow, call: CallContext) -> CertificatePage | None:
        work: Awaitable[CertificatePage] = self._catalog.operation(provider.id, _LIST)(window, call)
        try:
            return await within_boundary(work, call)
        except GatewayError:
            return None


def operations(catalog: Catalog) -> Mapping[str, Operation]:
    """Return the operations that the service implements itself, by name."""
    return {_LIST: CertificateLister(catalog).list_certificates}  # type: ignore[dict-item]
