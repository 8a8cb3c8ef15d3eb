"""The asyncio client: as the sync one, with `await` before each call and `async for` over lists."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

import grpc
import grpc.aio

from keyway.calls import prepared
from keyway.connection import DEFAULT_DEADLINE, AnyToken, Connection, Pem
from keyway.errors import KeywayError
from keyway.pages import RequestT, ResponseT, items
from keyway.v1 import certificate_service_pb2_grpc, key_service_pb2_grpc, provider_service_pb2_grpc
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import ListCertificatesRequest, ListCertificatesResponse
from keyway.v1.provider_pb2 import Provider
from keyway.v1.provider_service_pb2 import ListProvidersRequest, ListProvidersResponse

if TYPE_CHECKING:
    from keyway.v1.certificate_service_pb2_grpc import CertificateServiceAsyncStub
    from keyway.v1.key_service_pb2_grpc import KeyServiceAsyncStub
    from keyway.v1.provider_service_pb2_grpc import ProviderServiceAsyncStub


class Client:
    """The three services. A failed call raises KeywayError. Belongs to one event loop; close it, or use `async with`.

    channel: for any other stub, such as that of gRPC's health service.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.certificates: CertificateServiceAsyncStub = certificate_service_pb2_grpc.CertificateServiceStub(channel)
        self.keys: KeyServiceAsyncStub = key_service_pb2_grpc.KeyServiceStub(channel)
        self.providers: ProviderServiceAsyncStub = provider_service_pb2_grpc.ProviderServiceStub(channel)

    async def close(self) -> None:
        """End the connections; calls in progress fail."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def connect(
    address: str | Sequence[str],
    *,
    plaintext: bool = False,
    allow_remote_plaintext: bool = False,
    ca: Pem | None = None,
    certificate: Pem | None = None,
    private_key: Pem | None = None,
    server_name: str | None = None,
    token: AnyToken | None = None,
    deadline: float = DEFAULT_DEADLINE,
    retries: bool = True,
    health_checks: bool = False,
    options: Sequence[tuple[str, Any]] = (),
) -> Client:
    """As `keyway.connect`; a `token` may be a coroutine function too."""
    connection = Connection(
        address=address,
        plaintext=plaintext,
        allow_remote_plaintext=allow_remote_plaintext,
        ca=ca,
        certificate=certificate,
        private_key=private_key,
        server_name=server_name,
        token=token,
        deadline=deadline,
        retries=retries,
        health_checks=health_checks,
        options=options,
    )
    credentials, arguments = connection.credentials(), connection.channel_options()
    interceptors = [_Preparing(deadline, token)]
    if credentials is None:
        return Client(grpc.aio.insecure_channel(connection.target, arguments, interceptors=interceptors))
    return Client(grpc.aio.secure_channel(connection.target, credentials, arguments, interceptors=interceptors))


class _Preparing(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc,type-arg,unused-ignore]
    """What happens to every call, as in `keyway.calls`."""

    def __init__(self, deadline: float, token: AnyToken | None) -> None:
        self._deadline = deadline
        self._token = token

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """The call, done."""
        asked = self._token() if callable(self._token) else self._token
        token = await asked if inspect.isawaitable(asked) else asked
        made = prepared(client_call_details, self._deadline, token)
        details = grpc.aio.ClientCallDetails(
            method=made.method,
            timeout=made.timeout,
            metadata=grpc.aio.Metadata(*made.metadata),
            credentials=made.credentials,
            wait_for_ready=made.wait_for_ready,
        )
        call = await continuation(details, request)
        try:
            await call
        except grpc.aio.AioRpcError as error:
            raise KeywayError.of(error) from error
        return call


async def iterate_pages(
    method: Callable[..., Awaitable[ResponseT]], request: RequestT, **options: Any
) -> AsyncIterator[ResponseT]:
    """Every response, beginning with the one that `request` asks for. options: of each call, such as `timeout`."""
    following = type(request)()
    following.CopyFrom(request)
    while True:
        response = await method(following, **options)
        yield response
        if not response.next_page_token:
            return
        following.page_token = response.next_page_token


@overload
def iterate(
    method: Callable[..., Awaitable[ListCertificatesResponse]], request: ListCertificatesRequest, **options: Any
) -> AsyncIterator[Certificate]: ...
@overload
def iterate(
    method: Callable[..., Awaitable[ListProvidersResponse]], request: ListProvidersRequest, **options: Any
) -> AsyncIterator[Provider]: ...
async def iterate(method: Callable[..., Awaitable[Any]], request: Any, **options: Any) -> AsyncIterator[Any]:
    """Every item of a list: `async for certificate in keyway.aio.iterate(client.certificates.ListCertificates, …)`."""
    async for response in iterate_pages(method, request, **options):
        for item in items(response):
            yield item
