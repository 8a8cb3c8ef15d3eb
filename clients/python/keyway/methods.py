"""Typed calls: the types of both clients' methods, and the construction of requests.

The types are protocols, so that type checkers resolve them without the stubs of gRPC.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypedDict, TypeVar

from google.protobuf.message import Message

Metadata = Sequence[tuple[str, str | bytes]]
"""Request metadata: pairs of a key in lower case and a value."""
RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
ResponseT_co = TypeVar("ResponseT_co", covariant=True)
ResponseT = TypeVar("ResponseT")
MessageT = TypeVar("MessageT", bound=Message)


class CallOptions(TypedDict, total=False):
    """Options of one call.

    timeout: the deadline, in seconds from now; default: the client's. metadata: sent with the request.
    wait_for_ready: whether the call waits for a connection instead of failing with UNAVAILABLE.
    """

    timeout: float | None
    metadata: Metadata | None
    wait_for_ready: bool | None


_OPTIONS: Final = frozenset(CallOptions.__annotations__)


class Call(Protocol):
    """A finished call, for `keyway.request_id` and `keyway.receipt`."""

    def code(self) -> Any:
        """Return the status code: `grpc.StatusCode`."""

    def trailing_metadata(self) -> Any:
        """Return the trailers."""


class CallFuture(Call, Protocol[ResponseT_co]):
    """A call in progress."""

    def result(self, timeout: float | None = None) -> ResponseT_co:
        """Wait for the response. Raises KeywayError if the call fails."""

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the end of the call; return its error, or None."""

    def cancel(self) -> bool:
        """Cancel the call."""

    def done(self) -> bool:
        """Return whether the call has ended."""


class Method(Protocol[RequestT_contra, ResponseT_co]):
    """A method of a gRPC stub."""

    def __call__(
        self,
        request: RequestT_contra,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        *,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> ResponseT_co:
        """Call and wait for the response. timeout: in seconds. Raises KeywayError."""

    def with_call(
        self,
        request: RequestT_contra,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        *,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> tuple[ResponseT_co, Call]:
        """Return the response together with the finished call, which has the trailers."""

    def future(
        self,
        request: RequestT_contra,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        *,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> CallFuture[ResponseT_co]:
        """Start the call without waiting for it."""


class AsyncCall(Awaitable[ResponseT_co], Protocol[ResponseT_co]):
    """A call in progress: `await` it for the response. It raises KeywayError."""

    async def code(self) -> Any:
        """Wait for the status code: `grpc.StatusCode`."""

    async def trailing_metadata(self) -> Any:
        """Wait for the trailers."""

    def cancel(self) -> bool:
        """Cancel the call."""

    def done(self) -> bool:
        """Return whether the call has ended."""


class AsyncMethod(Protocol[RequestT_contra, ResponseT_co]):
    """A method of an asyncio gRPC stub."""

    def __call__(
        self,
        request: RequestT_contra,
        *,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> AsyncCall[ResponseT_co]:
        """Start the call. timeout: in seconds."""


def call(
    method: Callable[..., ResponseT], kind: type[MessageT], requests: tuple[Any, ...], arguments: Mapping[str, Any]
) -> ResponseT:
    """Call `method` with the one request in `requests`, or with a request of the fields among `arguments`.

    Raises TypeError for a wrong number or type of arguments, ValueError for a field that the request does not have.
    """
    options = {name: value for name, value in arguments.items() if name in _OPTIONS}
    fields = {name: value for name, value in arguments.items() if name not in _OPTIONS}
    return method(_request(kind, requests, fields), **options)


def _request(kind: type[MessageT], requests: tuple[Any, ...], fields: Mapping[str, Any]) -> MessageT:
    if not requests:
        return kind(**fields)
    if len(requests) > 1 or fields:
        raise TypeError(f"pass either one {kind.__name__} or its fields as keywords")
    (request,) = requests
    if isinstance(request, kind):
        return request
    if isinstance(request, Mapping):
        return kind(**request)
    raise TypeError(f"expected {kind.__name__} or a mapping of its fields, not {type(request).__name__}")
