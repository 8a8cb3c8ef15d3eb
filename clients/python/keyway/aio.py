"""The asyncio client: `await` each call, and use `async for` over lists."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Self

import grpc
import grpc.aio

from keyway.calls import FirstCall, prepared
from keyway.connection import DEFAULT_DEADLINE, AnyToken, Connection, Pem
from keyway.lists import iterate_async as iterate
from keyway.pages import iterate_pages_async as iterate_pages
from keyway.services import AsyncAuditService, AsyncCertificateService, AsyncKeyService, AsyncProviderService
from keyway.v1.certificate_service_pb2_grpc import CertificateServiceStub
from keyway.watch_async import AsyncCertificateWatch

__all__ = ["Client", "connect", "iterate", "iterate_pages"]


class Client:
    """An asyncio client of a gateway. A failed call raises KeywayError.

    A client belongs to one event loop. Close it, or use it in an `async with` statement.
    channel: the gRPC channel, for other stubs, such as the gRPC health service.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.certificates = AsyncCertificateService(channel)
        self.keys = AsyncKeyService(channel)
        self.providers = AsyncProviderService(channel)
        self.audit = AsyncAuditService(channel)

    def watch_certificates(
        self, parent: str, *, names: Iterable[str] = (), resume_token: str = ""
    ) -> AsyncCertificateWatch:
        """Return an asynchronous iterator over the versions of certificates and their changes, without an end.

        The arguments are those of `keyway.Client.watch_certificates`.
        """
        stub: Any = CertificateServiceStub(self.channel)
        return AsyncCertificateWatch(stub.WatchCertificates, parent, names, resume_token)

    async def close(self) -> None:
        """Close the connections. Calls in progress fail."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
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
    """Return an asyncio client. The arguments are those of `keyway.connect`; `token` can also be a coroutine function.

    Raises ValueError for options that contradict each other.
    """
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
    interceptors: list[grpc.aio.ClientInterceptor] = [_CallInterceptor(connection), _StreamInterceptor(connection)]
    if credentials is None:
        return Client(grpc.aio.insecure_channel(connection.target, arguments, interceptors=interceptors))
    return Client(grpc.aio.secure_channel(connection.target, credentials, arguments, interceptors=interceptors))


class _Preparation:
    """Adds deadline, token, and trace context to each call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._first_call = FirstCall(connection)

    async def _prepared(self, client_call_details: Any, deadline: float | None) -> grpc.aio.ClientCallDetails:
        supplied = self._connection.current_token()
        token = await supplied if inspect.isawaitable(supplied) else supplied
        made = prepared(client_call_details, deadline, token)
        self._first_call.check(made)
        return grpc.aio.ClientCallDetails(
            method=made.method,
            timeout=made.timeout,
            metadata=grpc.aio.Metadata(*made.metadata),
            credentials=made.credentials,
            wait_for_ready=made.wait_for_ready,
        )


class _CallInterceptor(_Preparation, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc,type-arg,unused-ignore]
    """Prepares each call, and converts errors to KeywayError."""

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """Return the finished call."""
        details = await self._prepared(client_call_details, self._connection.deadline)
        call = await continuation(details, request)
        try:
            await call
        except grpc.aio.AioRpcError as error:
            raise self._connection.explained(error) from error
        return call


class _StreamInterceptor(_Preparation, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[misc,type-arg,unused-ignore]
    """Prepares each stream, and converts errors to KeywayError. A stream has no default deadline."""

    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> AsyncIterator[Any]:
        """Return the responses."""
        details = await self._prepared(client_call_details, None)
        return self._responses(await continuation(details, request))

    async def _responses(self, call: Any) -> AsyncIterator[Any]:
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise self._connection.explained(error) from error
