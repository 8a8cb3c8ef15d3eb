"""Lists that come in pages: one item after the other, or one page after the other, each asked for when it is wanted."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, overload

from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import ListCertificatesRequest, ListCertificatesResponse
from keyway.v1.provider_pb2 import Provider
from keyway.v1.provider_service_pb2 import ListProvidersRequest, ListProvidersResponse


class Paged(Protocol):
    """A response that may not be the last one."""

    @property
    def next_page_token(self) -> str:
        """Empty on the last page."""


RequestT = TypeVar("RequestT", ListCertificatesRequest, ListProvidersRequest)
ResponseT = TypeVar("ResponseT", bound=Paged)


def iterate_pages(method: Callable[..., ResponseT], request: RequestT, **options: Any) -> Iterator[ResponseT]:
    """Every response, beginning with the one that `request` asks for. options: of each call, such as `timeout`."""
    following = type(request)()
    following.CopyFrom(request)
    while True:
        response = method(following, **options)
        yield response
        if not response.next_page_token:
            return
        following.page_token = response.next_page_token


@overload
def iterate(
    method: Callable[..., ListCertificatesResponse], request: ListCertificatesRequest, **options: Any
) -> Iterator[Certificate]: ...
@overload
def iterate(
    method: Callable[..., ListProvidersResponse], request: ListProvidersRequest, **options: Any
) -> Iterator[Provider]: ...
def iterate(method: Callable[..., Any], request: Any, **options: Any) -> Iterator[Any]:
    """Every item of a list: `keyway.iterate(client.certificates.ListCertificates, request)`.

    What `unreachable` says of providers that did not answer stands on the pages: `iterate_pages`.
    """
    for response in iterate_pages(method, request, **options):
        yield from items(response)


def items(response: Any) -> Any:
    """What a page lists."""
    return response.certificates if isinstance(response, ListCertificatesResponse) else response.providers
