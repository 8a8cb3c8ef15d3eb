"""The ASTERIA client: calls with the session ID, and a new login if the server does not know the session."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from gateway.call_context import CallContext
from gateway.errors import UpstreamError
from gateway.providers.asteria.envelope import read_envelope
from gateway.providers.asteria.session import SESSION_HEADER, FixedSession, LoginSession, Session
from gateway.providers.asteria.settings import AsteriaSettings
from gateway.providers.asteria.status_table import LOGIN_STATUS_TABLE, NOT_LOGGED_IN, STATUS_TABLE
from gateway.providers.base.api_client import ApiClient, ApiRequest
from gateway.providers.base.json_object import JsonObject
from gateway.upstream.client import HttpClient, HttpResponse

ResultT = TypeVar("ResultT")


class AsteriaClient:
    """Sends calls to one server, each with a session ID."""

    def __init__(self, settings: AsteriaSettings, http: HttpClient) -> None:
        self._session: Final = _session(settings, http)
        self._api = ApiClient(settings.id, http, STATUS_TABLE, read_envelope, secrets=self._session.secrets)

    async def close(self) -> None:
        """Log out."""
        await self._session.close()

    async def call(self, request: ApiRequest, read: Callable[[JsonObject], ResultT], call: CallContext) -> ResultT:
        """Return the result of `read` for `result.data`. See `ApiClient.call`."""
        return await self._with_session(request, lambda ready: self._api.call(ready, read, call), call)

    async def fetch(self, request: ApiRequest, read: Callable[[HttpResponse], ResultT], call: CallContext) -> ResultT:
        """Return the result of `read` for a file. See `ApiClient.fetch`."""
        return await self._with_session(request, lambda ready: self._api.fetch(ready, read, call), call)

    async def _with_session(
        self, request: ApiRequest, send: Callable[[ApiRequest], Awaitable[ResultT]], call: CallContext
    ) -> ResultT:
        """Send a request with the session ID, and once more after a new login if the session is not logged in.

        A second request is safe because the server has not executed the first.
        """
        session_id = await self._session.current(call)
        try:
            first = replace(request, expected_code=NOT_LOGGED_IN if self._session.renewable else None)
            return await send(_with_header(first, session_id))
        except UpstreamError as error:
            if error.upstream_code != NOT_LOGGED_IN:
                raise
            renewed = await self._session.renew(session_id, call)
            if renewed is None:
                raise
        return await send(_with_header(request, renewed))


def _with_header(request: ApiRequest, session_id: str) -> ApiRequest:
    return replace(request, headers={SESSION_HEADER: session_id}, secrets=(*request.secrets, session_id))


def _session(settings: AsteriaSettings, http: HttpClient) -> Session:
    if settings.session_id is not None:
        return FixedSession(settings.session_id.get_secret_value())
    assert settings.login is not None
    password = settings.login.password.get_secret_value()
    api = ApiClient(settings.id, http, LOGIN_STATUS_TABLE, read_envelope, secrets=(password,))
    return LoginSession(settings.id, api, settings.login, settings.timeout)
