"""Iteration over the pages of a list method. Each page is requested only when the caller needs it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar


class Page(Protocol):
    """A response of a list method."""

    @property
    def next_page_token(self) -> str:
        """The token of the next page. Empty on the last page."""


PageT = TypeVar("PageT", bound=Page)


def iterate_pages(method: Callable[..., PageT], request: Any = None, **arguments: Any) -> Iterator[PageT]:
    """Yield the responses of a list method, starting with the page that the request names.

    request: a message, or a mapping of its fields. arguments: the fields of the request if there is no `request`, and
    the options of each call, such as `timeout`.
    """
    token = ""
    while True:
        positional, keywords = page_arguments(request, arguments, token)
        response = method(*positional, **keywords)
        yield response
        if not (token := response.next_page_token):
            return


async def iterate_pages_async(
    method: Callable[..., Awaitable[PageT]], request: Any = None, **arguments: Any
) -> AsyncIterator[PageT]:
    """Yield the responses of a list method. The arguments are those of `keyway.iterate_pages`."""
    token = ""
    while True:
        positional, keywords = page_arguments(request, arguments, token)
        response = await method(*positional, **keywords)
        yield response
        if not (token := response.next_page_token):
            return


def items(response: Any) -> Any:
    """Return the items of a page: in a list response, the first field holds them."""
    return getattr(response, response.DESCRIPTOR.fields[0].name)


def page_arguments(request: Any, arguments: dict[str, Any], token: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of the call for one page. token: empty for the first page."""
    if not token:
        return (() if request is None else (request,)), arguments
    if request is None:
        return (), {**arguments, "page_token": token}
    if isinstance(request, Mapping):
        return ({**request, "page_token": token},), arguments
    next_request = type(request)()
    next_request.CopyFrom(request)
    next_request.page_token = token
    return (next_request,), arguments
