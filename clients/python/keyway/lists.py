"""Iteration over the items of all pages of a list method. Generated from protos/ by `make generate`; do not edit."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, overload

from keyway.pages import items, iterate_pages, iterate_pages_async
from keyway.v1.audit_record_pb2 import AuditRecord
from keyway.v1.audit_service_pb2 import (
    ListAuditRecordsRequest,
    ListAuditRecordsResponse,
    ListSecretDeliveriesRequest,
    ListSecretDeliveriesResponse,
    SecretDelivery,
)
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import ListCertificatesRequest, ListCertificatesResponse
from keyway.v1.provider_pb2 import Provider
from keyway.v1.provider_service_pb2 import ListProvidersRequest, ListProvidersResponse


@overload
def iterate(
    method: Callable[..., ListAuditRecordsResponse],
    request: ListAuditRecordsRequest | Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Iterator[AuditRecord]: ...
@overload
def iterate(
    method: Callable[..., ListSecretDeliveriesResponse],
    request: ListSecretDeliveriesRequest | Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Iterator[SecretDelivery]: ...
@overload
def iterate(
    method: Callable[..., ListCertificatesResponse],
    request: ListCertificatesRequest | Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Iterator[Certificate]: ...
@overload
def iterate(
    method: Callable[..., ListProvidersResponse],
    request: ListProvidersRequest | Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Iterator[Provider]: ...
def iterate(method: Callable[..., Any], request: Any = None, **arguments: Any) -> Iterator[Any]:
    """Yield the items of all pages: `keyway.iterate(client.certificates.list_certificates, parent="providers/-")`.

    The arguments are those of `iterate_pages`. Use `iterate_pages` to read other fields of a page, such as the
    `unreachable` providers.
    """
    for response in iterate_pages(method, request, **arguments):
        yield from items(response)


@overload
def iterate_async(
    method: Callable[..., Awaitable[ListAuditRecordsResponse]],
    request: ListAuditRecordsRequest | Mapping[str, Any] | None = None,
    **arguments: Any,
) -> AsyncIterator[AuditRecord]: ...
@overload
def iterate_async(
    method: Callable[..., Awaitable[ListSecretDeliveriesResponse]],
    request: ListSecretDeliveriesRequest | Mapping[str, Any] | None = None,
    **arguments: Any,
) -> AsyncIterator[SecretDelivery]: ...
@overload
def iterate_async(
    method: Callable[..., Awaitable[ListCertificatesResponse]],
    request: ListCertificatesRequest | Mapping[str, Any] | None = None,
    **arguments: Any,
) -> AsyncIterator[Certificate]: ...
@overload
def iterate_async(
    method: Callable[..., Awaitable[ListProvidersResponse]],
    request: ListProvidersRequest | Mapping[str, Any] | None = None,
    **arguments: Any,
) -> AsyncIterator[Provider]: ...
async def iterate_async(
    method: Callable[..., Awaitable[Any]], request: Any = None, **arguments: Any
) -> AsyncIterator[Any]:
    """Yield the items of all pages, for `async for`. The arguments are those of `keyway.iterate`."""
    async for response in iterate_pages_async(method, request, **arguments):
        for item in items(response):
            yield item
