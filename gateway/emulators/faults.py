"""Faults on demand and the request history: one middleware around an emulated API.

A fault is armed through the control port and applies to the next `count` requests whose method and
path match. Responsible for misbehaving on the wire; the vendor's own failure envelope comes from the emulator.
"""

import asyncio
import base64
import datetime as dt
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from aiohttp import web

from gateway.emulators.base import Clock, Emulator

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Mode = Literal["error", "cut_off", "html", "raw", "close", "reset", "stall", "redirect"]

_HISTORY_ENTRIES = 10_000
_HISTORY_BODY_BYTES = 64 * 1024
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class FaultError(ValueError):
    """A fault description that makes no sense; the message names the field."""


@dataclass(slots=True)
class Fault:
    """How the next matching requests fail.

    mode: `error` the vendor's failure envelope (code, message, status); `cut_off` a true answer whose body stops
    half-way; `html` a proxy's error page; `raw` the given status, headers and body; `close` the connection
    ends before any answer; `reset` the same with a TCP reset; `stall` no answer until the client gives up;
    `redirect` a 302.
    count: how many requests. delay: seconds before the fault (with mode None: before the true answer).
    act: True lets the emulator do the work first, and only then fail.
    method, path: the HTTP method and a regular expression searched in the path; None matches all.
    """

    mode: Mode | None = "error"
    count: int = 1
    delay: float = 0.0
    act: bool = False
    method: str | None = None
    path: str | None = None
    code: str | None = None
    message: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Fault":
        """A fault from the control port's JSON; FaultError names what is wrong with it."""
        unknown = data.keys() - cls.__dataclass_fields__.keys()
        if unknown:
            raise FaultError(f"unknown field {sorted(unknown)[0]!r}")
        if data.get("mode", "error") not in (*get_args(Mode), None):
            raise FaultError(f"mode: one of {', '.join(get_args(Mode))} or null")
        values = dict(data)
        if values.get("code") is not None:
            values["code"] = str(values["code"])
        if not isinstance(values.get("count", 1), int) or values.get("count", 1) < 1:
            raise FaultError("count: a positive integer")
        try:
            re.compile(values.get("path") or "")
        except re.error as error:
            raise FaultError(f"path: {error}") from error
        return cls(**values)

    def matches(self, request: web.Request) -> bool:
        """Whether this fault is meant for the request."""
        method_fits = self.method is None or self.method.upper() == request.method
        return method_fits and (self.path is None or re.search(self.path, request.path) is not None)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as the emulator saw it, and the status it answered (None: it gave no answer)."""

    time: dt.datetime
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None

    def as_json(self) -> dict[str, Any]:
        """For the control port: the body in Base64, cut at 64 KiB."""
        return {
            "time": self.time.isoformat(),
            "method": self.method,
            "target": self.target,
            "headers": dict(self.headers),
            "body_base64": base64.b64encode(self.body[:_HISTORY_BODY_BYTES]).decode(),
            "status": self.status,
        }


class Interceptor:
    """Records every request of one emulated API and applies the armed faults."""

    def __init__(self, emulator: Emulator, clock: Clock) -> None:
        self._emulator = emulator
        self._clock = clock
        self._faults: list[Fault] = []
        self.history: deque[Exchange] = deque(maxlen=_HISTORY_ENTRIES)

    def arm(self, fault: Fault) -> None:
        """Let the next matching requests fail."""
        self._faults.append(fault)

    def disarm(self) -> None:
        """Forget all armed faults."""
        self._faults.clear()

    @property
    def armed(self) -> int:
        """How many requests the armed faults still wait for."""
        return sum(fault.count for fault in self._faults)

    def middleware(self) -> Any:
        """The aiohttp middleware to put outermost."""

        @web.middleware
        async def intercept(request: web.Request, handler: Handler) -> web.StreamResponse:
            started, body = self._clock.now(), await request.read()
            status: int | None = None
            try:
                response = await self._answer(request, handler)
                status = response.status
                return response
            except web.HTTPException as error:
                status = error.status
                raise
            finally:
                self.history.append(
                    Exchange(started, request.method, request.raw_path, dict(request.headers), body, status)
                )

        return intercept

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self._take(request)
        if fault is None:
            return await handler(request)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        truthful = fault.mode in (None, "cut_off")
        response = await handler(request) if fault.act or truthful else None
        match fault.mode:
            case "error":
                return self._emulator.failure(fault.code, fault.message, fault.status)
            case "html":
                return web.Response(status=fault.status or 502, text=_HTML, content_type="text/html")
            case "raw":
                return web.Response(status=fault.status or 200, body=fault.body.encode(), headers=fault.headers)
            case "redirect":
                return web.Response(status=302, headers={"Location": "/elsewhere"})
            case "close" | "reset":
                return _disconnect(request, abort=fault.mode == "reset")
            case "stall":
                await asyncio.Event().wait()
        assert response is not None
        return response if fault.mode is None else await _cut_off(request, response)

    def _take(self, request: web.Request) -> Fault | None:
        for fault in self._faults:
            if fault.matches(request):
                fault.count -= 1
                if fault.count == 0:
                    self._faults.remove(fault)
                return fault
        return None


def _disconnect(request: web.Request, *, abort: bool) -> web.Response:
    """End the connection without an answer; the returned response can't be written any more."""
    transport = request.transport
    if transport is not None:
        if abort:
            transport.abort()
        else:
            transport.close()
    return web.Response(status=500)


async def _cut_off(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Send the true headers with the first half of the body, then hang up."""
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    partial.content_length = max(len(body), 2)
    await partial.prepare(request)
    await partial.write(body[: len(body) // 2] or b" ")
    if request.transport is not None:
        request.transport.close()
    return partial
