"""Calls of the management API: the session on each of them, a new login where it is needed, and success or an error.

Which calls there are is written in `requests.py`, what their data means in `translate.py` and `files.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from gateway.call_context import CallContext
from gateway.errors import MalformedResponse
from gateway.providers.asteria import answers, errors
from gateway.providers.asteria.answers import Answer
from gateway.providers.asteria.session import SESSION_HEADER, Session, shown
from gateway.providers.base.formats import FormatError, JsonObject
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from gateway.upstream.state import UpstreamState

ResultT = TypeVar("ResultT")

_BASE: Final = "/mcapi/certificate/"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One call. path: below `/mcapi/certificate/`, with its query, percent-encoded.

    resource: the name that errors speak of; codes: what the call's codes mean; secrets: what was sent and
    must not show.
    """

    method: str
    path: str
    resource: str
    codes: Mapping[str, errors.Meaning] = field(repr=False)
    content_type: str | None = None
    body: bytes | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


class ManagementApi:
    """Sends calls to one server."""

    def __init__(self, provider: str, http: HttpClient, session: Session) -> None:
        self._provider = provider
        self._http = http
        self._session = session

    @property
    def upstream(self) -> UpstreamState:
        """How it stands with the server."""
        return self._http.state

    async def start(self) -> None:
        """Open the connection pool."""
        await self._http.start()

    async def close(self) -> None:
        """Log out, and close the connections."""
        try:
            await self._session.close()
        finally:
            await self._http.close()

    async def ask(self, request: ApiRequest, read: Callable[[JsonObject], ResultT], call: CallContext) -> ResultT:
        """What `read` makes of `result.data`; MalformedResponse where there is none, or `read` raises FormatError."""
        return await self._read(request, lambda answer: read(answer.data()), call)

    async def fetch(self, request: ApiRequest, read: Callable[[HttpResponse], ResultT], call: CallContext) -> ResultT:
        """What `read` makes of an answer that is no failure; MalformedResponse where it raises FormatError."""
        return await self._read(request, lambda answer: read(answer.response), call)

    async def _read(self, request: ApiRequest, read: Callable[[Answer], ResultT], call: CallContext) -> ResultT:
        answer = await self._send(request, call)
        try:
            return read(answer)
        except FormatError as error:
            raise MalformedResponse(
                f"{request.resource}: the answer can't be understood: {error}",
                provider=self._provider,
                http_status=answer.response.status,
            ) from error

    async def _send(self, request: ApiRequest, call: CallContext) -> Answer:
        """The answer of a call that did not fail. Not being logged in means that nothing was done: it is repeated."""
        session_id: str | None = await self._session.current(call)
        assert session_id is not None
        answer = await self._exchange(request, session_id, call)
        if answer.failure is not None and answer.failure.code == errors.NOT_LOGGED_IN:
            renewed = await self._session.renew(session_id, call)
            if renewed is not None:
                session_id = renewed
                answer = await self._exchange(request, session_id, call)
        if answer.failure is not None:
            raise errors.to_error(
                answer.failure,
                answer.response,
                provider=self._provider,
                resource=request.resource,
                codes=request.codes,
                secrets=(*request.secrets, *self._session.secrets, session_id),
            )
        return answer

    async def _exchange(self, request: ApiRequest, session_id: str, call: CallContext) -> Answer:
        headers = {SESSION_HEADER: session_id}
        if request.content_type is not None:
            headers["Content-Type"] = request.content_type
        asked = HttpRequest(request.method, _BASE + request.path, headers, request.body, shown=shown)
        return answers.read(await self._http.send(asked, call))
