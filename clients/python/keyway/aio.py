"""The asyncio client: `await` each call, and use `async for` over lists."""

import inspect
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from keyway.calls import FirstCall, prepared
from keyway.connection import DEFAULT_DEADLINE, AnyToken, Connection, Pem
from keyway.lists import iterate_async as iterate
from keyway.pages import iterate_pages_async as iterate_pages
from keyway.services import AsyncAuditService, AsyncCertificateService, AsyncKeyService, AsyncProviderService

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

    async def close(self) -> None:
        """Close the connections. Calls in progress fail."""
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
    interceptors = [_CallInterceptor(connection)]
    if credentials is None:
        return Client(grpc.aio.insecure_channel(connection.target, arguments, interceptors=interceptors))
    return Client(grpc.aio.secure_channel(connection.target, credentials, arguments, interceptors=interceptors))


class _CallInterceptor(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc,type-arg,unused-ignore]
    """Adds deadline, token and trace context to each call, and converts errors to KeywayError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._first_call = FirstCall(connection)

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request: Any
    ) -> Any:
        """Return the finished call."""
        supplied = self._connection.current_token()
        token = await supplied if inspect.isawaitable(supplied) else supplied
        made = prepared(client_call_details, self._connection.deadline, token)
        self._first_call.check(made)
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
            raise self._connection.explained(error) from error
        return call
