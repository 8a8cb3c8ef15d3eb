"""An upstream that says what a test told it to: a real HTTP server on a real socket.

Responsible for handing out queued answers and for keeping what was asked. It knows no vendor, checks no credentials and
has no state of its own; the emulators have.

    async with ScriptedUpstream() as upstream:
        upstream.answer("GET", "/things/a%20b", body={"name": "a b"})
        ...  # point the client at upstream.url
    assert upstream.requests[0].target == "/things/a%20b?full=true"

Leaving the block fails the test where a request came that no answer was left for, or an answer was never fetched.
"""

import asyncio
import json
import ssl
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

Body = bytes | str | Mapping[str, object]


class ReceivedRequest(NamedTuple):
    """A request as it arrived. `target` is the raw path with its query, undecoded."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def path(self) -> str:
        """The raw path without its query."""
        return self.target.partition("?")[0]

    def json(self) -> object:
        """The body, which must be JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: CIMultiDict[str] = field(repr=False)
    body: bytes = field(repr=False)
    cut_after: int | None


class ScriptedUpstream:
    """Serves `.answer(…)`s in the order they were given, for each method and raw path; records `.requests`.

    tls: serve HTTPS with this context; `.url` then begins with https.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self.unexpected: list[str] = []
        self._answers: defaultdict[tuple[str, str], deque[_Answer]] = defaultdict(deque)
        self._tls = tls
        self._runner: web.ServerRunner | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return self._url

    def answer(
        self,
        method: str,
        path: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: Body = b"",
        *,
        cut_after: int | None = None,
    ) -> None:
        """Queue one answer for `method` and `path`: percent-encoded as on the wire, without the query.

        body: a mapping becomes JSON, text UTF-8; `headers` may replace the Content-Type that follows from it.
        cut_after: announce the whole body, send this many bytes of it and close the connection.
        """
        content, media_type = _encode(body)
        fields: CIMultiDict[str] = CIMultiDict({"Content-Type": media_type})
        fields.update(headers or {})
        self._answers[method.upper(), path].append(_Answer(status, fields, content, cut_after))

    @property
    def unfetched(self) -> list[str]:
        """What was queued and never asked for, as `METHOD /path`."""
        return [f"{method} {path}" for (method, path), left in self._answers.items() for _ in left]

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._serve))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._url = f"{'https' if self._tls else 'http'}://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        if error is None:
            assert not self.unexpected, f"requests that no answer was left for: {self.unexpected}"
            assert not self.unfetched, f"answers that nobody fetched: {self.unfetched}"

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        received = ReceivedRequest(request.method, request.raw_path, request.headers, await request.content.read())
        self.requests.append(received)
        answers = self._answers.get((received.method, received.path))
        if not answers:
            self.unexpected.append(f"{received.method} {received.target}")
            return web.Response(status=500, text="no answer was scripted")
        return await _send(answers.popleft(), request)


async def _send(answer: _Answer, request: web.BaseRequest) -> web.StreamResponse:
    if answer.cut_after is None:
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: answer.cut_after])
    if isinstance(request.transport, asyncio.Transport):
        request.transport.close()
    return response


def _encode(body: Body) -> tuple[bytes, str]:
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return json.dumps(body, ensure_ascii=False).encode(), "application/json;charset=UTF-8"
