"""A scripted upstream: a real HTTP server on a real socket that sends the responses of a test.

It sends queued responses and keeps the requests. It knows no vendor, checks no credentials, and has no state. The
emulators do.

    async with ScriptedUpstream() as upstream:
        upstream.answer("GET", "/things/a%20b", body={"name": "a b"})
        ...  # point the client at upstream.url
    assert upstream.requests[0].target == "/things/a%20b?full=true"

The end of the block fails the test if a request had no response, or a response was not used.
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
    """A received request. `target` is the raw path with its query, not decoded."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def path(self) -> str:
        """The raw path without its query."""
        return self.target.partition("?")[0]

    def json(self) -> object:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: CIMultiDict[str] = field(repr=False)
    body: bytes = field(repr=False)
    cut_after: int | None


class ScriptedUpstream:
    """Sends the responses of `.answer(…)` in order, for each method and raw path. Records the requests in `.requests`.

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
        """The base URL without a trailing slash."""
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
        """Queue one response for `method` and `path`, which is percent-encoded as on the wire, without the query.

        body: a mapping is sent as JSON, text as UTF-8. `headers` can replace the Content-Type of the body.
        cut_after: announce the whole body, send this many bytes of it, and close the connection.
        """
        content, media_type = _encode(body)
        fields: CIMultiDict[str] = CIMultiDict({"Content-Type": media_type})
        fields.update(headers or {})
        self._answers[method.upper(), path].append(_Answer(status, fields, content, cut_after))

    @property
    def unfetched(self) -> list[str]:
        """The unused responses, as `METHOD /path`."""
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
            assert not self.unexpected, f"requests without a response: {self.unexpected}"
            assert not self.unfetched, f"responses that no request used: {self.unfetched}"

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
