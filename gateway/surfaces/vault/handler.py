"""The handler of HTTP requests: authenticates the caller, runs the operation, and responds in Vault's format."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

import orjson
import structlog
from aiohttp import web
from google.rpc import code_pb2

from gateway import errors as gateway_errors
from gateway.audit.call_facts import VAULT, CallSource
from gateway.errors import GatewayError, reason_name
from gateway.identity.caller import Caller
from gateway.library_logs import exception_fields
from gateway.server.authenticators import Authenticator
from gateway.server.in_process import CallOrigin, InProcessCalls
from gateway.server.rejections import UNKNOWN_METHOD, Rejection, Rejections
from gateway.server.rpc_context import ServicerContext, peer_address
from gateway.server.status import RECEIPT_TRAILER, REQUEST_ID_TRAILER
from gateway.surfaces.vault import errors, system
from gateway.surfaces.vault.api_request import BodyFields, CallerCalls, VaultRequest
from gateway.surfaces.vault.errors import VaultError
from gateway.surfaces.vault.http_transport import HttpTransport, sent_token, stated_metadata
from gateway.surfaces.vault.listener import ApiConnection
from gateway.surfaces.vault.responses import data_response, error_response, plain_response
from gateway.surfaces.vault.routes import find_operation, parse_target

_BODY_SECONDS: Final = 30.0
_SEND_SECONDS: Final = 30.0
_HEALTH: Final = ("sys", "health")
_SEAL_STATUS: Final = ("sys", "seal-status")
_SEALED: Final = 503
_REJECTED_HEADERS: Final = ("X-Vault-Wrap-TTL", "X-Vault-Namespace")
"""Headers that change the meaning of a request, and that the gateway does not implement."""

_log = structlog.get_logger(__name__)


class HandlerTools(NamedTuple):
    """Dependencies and limits of the handler.

    calls: makes the calls. rejections: None without a journal. available: whether the gateway accepts calls.
    seconds: the deadline of a request. maximum_body_bytes: of a request.
    """

    authenticator: Authenticator
    calls: InProcessCalls
    rejections: Rejections | None
    available: Callable[[], bool]
    seconds: float
    maximum_body_bytes: int


class ApiHandler:
    """Handles requests."""

    def __init__(self, tools: HandlerTools) -> None:
        self._tools = tools

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Send the response, and return it. If the peer does not read it, the connection is closed."""
        connection = cast("ApiConnection", request.protocol)
        response = await self._response(request, connection)
        if asyncio.get_running_loop().time() > connection.expires:
            response.force_close()
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            connection.abort()
            raise ConnectionError("the peer does not read the response") from None
        return response

    async def _response(self, request: web.BaseRequest, connection: ApiConnection) -> web.Response:
        try:
            path, query = parse_target(request.raw_path)
            if tuple(path) in (_HEALTH, _SEAL_STATUS):
                return self._health(request, tuple(path))
            caller = await self._authenticate(request)
            connection.authenticated()
            return await self._answer(request, path, query, caller)
        except VaultError as error:
            return _failure(error)
        except Exception as error:  # noqa: BLE001 - a bug; cancellation is not an Exception
            _log.error("request_failed", surface=VAULT, **exception_fields(error))
            return error_response(500, ["internal error"])

    def _health(self, request: web.BaseRequest, path: tuple[str, ...]) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            raise VaultError(405, "unsupported operation: the path accepts GET, HEAD")
        available = self._tools.available()
        if path == _SEAL_STATUS:
            return plain_response(system.seal_status(available=available))
        return plain_response(system.health(available=available), status=200 if available else _SEALED)

    async def _authenticate(self, request: web.BaseRequest) -> Caller:
        """Return the caller. Raises VaultError. Responses to peers that are not authenticated are delayed."""
        transport = cast("ServicerContext", HttpTransport(request))
        metadata = transport.invocation_metadata() or ()
        authenticator = self._tools.authenticator
        try:
            caller = authenticator.recognize(transport, metadata)
            if caller is None:
                caller = await authenticator.authenticate(transport, metadata)
            _check_certificate(caller)
        except GatewayError as error:
            if self._tools.rejections is not None:
                rejection = Rejection(code_pb2.Code.Name(error.kind.code), reason_name(error.kind.reason))
                source = CallSource(peer_address(transport.peer()))
                await self._tools.rejections.count_and_delay_stream(source, rejection, UNKNOWN_METHOD)
            raise errors.of_gateway(error) from None
        return caller

    async def _answer(
        self, request: web.BaseRequest, path: Any, query: Mapping[str, str], caller: Caller
    ) -> web.Response:
        """Return the response to an authenticated request. Raises VaultError."""
        operation = find_operation(request.method, path)
        for name in _REJECTED_HEADERS:
            if request.headers.get(name, "").strip("/") not in ("", "root"):
                raise VaultError(400, f"the header {name} is not supported")
        fields = await self._fields(request)
        origin = CallOrigin(HttpTransport(request).peer(), stated_metadata(request), VAULT)
        calls = CallerCalls(self._tools.calls, caller, origin, self._tools.seconds)
        try:
            answer = await operation(VaultRequest(path, fields, query, calls, sent_token(request)))
            call = calls.latest
            request_id = call.request_id if call is not None else ""
            response = data_response(
                answer.data, request_id=request_id, status=answer.status, top_level=answer.top_level
            )
        except GatewayError as error:
            response = _failure(errors.of_gateway(error))
        except VaultError as error:
            response = _failure(error)
        _identify(response, calls)
        return response

    async def _fields(self, request: web.BaseRequest) -> BodyFields:
        """Return the members of the body. Raises VaultError."""
        body = await self._body(request)
        if not body.strip():
            return BodyFields({})
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise VaultError(400, "the body is not valid JSON") from None
        if not isinstance(value, dict):
            raise VaultError(400, "the body must be a JSON object")
        return BodyFields(value)

    async def _body(self, request: web.BaseRequest) -> bytes:
        maximum, content = self._tools.maximum_body_bytes, bytearray()
        too_large = VaultError(413, f"the body has more than {maximum} bytes")
        if (request.content_length or 0) > maximum:
            raise too_large
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in request.content.iter_any():
                    content += chunk
                    if len(content) > maximum:
                        raise too_large
        except TimeoutError:
            raise VaultError(408, f"the body did not arrive within {_BODY_SECONDS:g} seconds") from None
        return bytes(content)


def _check_certificate(caller: Caller) -> None:
    """Raise GatewayError if the client certificate has expired since the connection was made."""
    if caller.kind != "jwt" and caller.expires <= time.time():
        raise GatewayError(gateway_errors.UNAUTHENTICATED, "the client certificate has expired")


def _failure(error: VaultError) -> web.Response:
    """Return the response to a failed request."""
    response = error_response(error.status, [error.text], retry_after=error.retry_after)
    if error.status in (408, 413):
        response.force_close()
    return response


def _identify(response: web.Response, calls: CallerCalls) -> None:
    """Add the request ID and the receipt of the latest call as headers, with the names of the trailers in gRPC."""
    if calls.latest is not None:
        response.headers[REQUEST_ID_TRAILER] = calls.latest.request_id
        if calls.latest.receipt is not None:
            response.headers[RECEIPT_TRAILER] = str(calls.latest.receipt)
