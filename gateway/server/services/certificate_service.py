"""CertificateService: what is more than handing a call to one provider, which is the list over all of them."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.call_context import CallContext
from gateway.contract.resource_names import PROVIDER, WILDCARD, provider_id
from gateway.errors import INVALID_PAGE_TOKEN, GatewayError, InvalidRequest, Violation
from gateway.providers.base.capabilities import CertificatePage, ListWindow, Provider
from gateway.providers.catalog import Catalog
from gateway.server.rpc import Operation, contained
from gateway.server.services import paging
from gateway.server.services.paging import Position
from keyway.v1 import certificate_service_pb2 as certificates

_LIST: Final = "list_certificates"
_MAXIMUM_INT32: Final = 2**31 - 1


class CertificateLister:
    """Pages over the certificates of one provider, or of all of them one after the other.

    A page asks every provider from the current one on at once: that fills the page whatever the providers' sizes, and
    counts the whole. Providers before it are done; the token remembers how many rows they had.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def list_certificates(
        self, request: certificates.ListCertificatesRequest, call: CallContext
    ) -> certificates.ListCertificatesResponse:
        """One page; see the contract for its order and for `unreachable`."""
        state = request.state or certificates.CERTIFICATE_STATE_FILTER_UNEXPIRED
        listing = f"{request.parent}?state={state}"
        position = paging.decode(request.page_token, listing)
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
        rows = page.certificates[: window.limit]
        end = window.offset + len(rows)
        token = paging.encode(Position(provider, end, 0), listing) if rows and end < page.total else ""
        return certificates.ListCertificatesResponse(
            certificates=rows, next_page_token=token, total_size=min(page.total, _MAXIMUM_INT32)
        )

    async def _of_all(
        self, position: Position | None, window: ListWindow, listing: str, call: CallContext
    ) -> certificates.ListCertificatesResponse:
        providers = self._from(position, call)
        windows = [replace(window, offset=window.offset if index == 0 else 0) for index in range(len(providers))]
        pages = await asyncio.gather(
            *(self._page(provider, window, call) for provider, window in zip(providers, windows, strict=True))
        )
        response = certificates.ListCertificatesResponse()
        counted = position.rows_before if position else 0
        for provider, part, page in zip(providers, windows, pages, strict=True):
            if page is None:
                response.unreachable.append(PROVIDER.format(provider=provider.id))
                continue
            room = 0 if response.next_page_token else window.limit - len(response.certificates)
            rows = page.certificates[:room]
            response.certificates.extend(rows)
            end = part.offset + len(rows)
            # An upstream that counts more rows than it gives must not be asked for them forever.
            if end < page.total and not response.next_page_token and (rows or not room):
                response.next_page_token = paging.encode(Position(provider.id, end, counted), listing)
            counted = min(counted + page.total, _MAXIMUM_INT32)
        response.total_size = counted
        return response

    def _from(self, position: Position | None, call: CallContext) -> Sequence[Provider]:
        """The providers that have certificates and that the caller may ask, by name, from the token's on.

        By name, so that a token still means the same after the configuration was put into another order.
        """
        serving = [provider for provider in self._catalog if self._catalog.serves(provider, _LIST)]
        providers = sorted(serving, key=lambda provider: provider.id)
        if call.providers is not None:
            providers = [provider for provider in providers if provider.id in call.providers]
        ids = [provider.id for provider in providers]
        if position is None:
            return providers
        if position.provider not in ids:
            violation = Violation("page_token", "is of another configuration: begin the list again")
            raise InvalidRequest([violation], outcome=INVALID_PAGE_TOKEN)
        return providers[ids.index(position.provider) :]

    async def _page(self, provider: Provider, window: ListWindow, call: CallContext) -> CertificatePage | None:
        work: Awaitable[CertificatePage] = self._catalog.operation(provider.id, _LIST)(window, call)
        try:
            return await contained(work, call)
        except GatewayError:
            return None


def operations(catalog: Catalog) -> Mapping[str, Operation]:
    """The service's own operations, by name; all others go straight to a provider."""
    return {_LIST: CertificateLister(catalog).list_certificates}  # type: ignore[dict-item]
