"""Fault injection and the request history: one middleware around an emulated API.

A fault is armed through the control port and applies to the next `count` requests whose method and
path match. This module misbehaves on the wire; the vendor's failure envelope comes from the emulator.
"""

import asyncio
import base64
import datetime as dt
import re
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, get_args
from weakref import WeakSet

from aiohttp import web

from gateway.emulators.base import Clock, Emulator

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Mode = Literal["error", "cut_off", "html", "raw", "close", "reset", "stall", "redirect"]

_HISTORY_ENTRIES = 10_000
_HISTORY_BODY_BYTES = 64 * 1024
_STALL_POLL_SECONDS = 0.05
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


class FaultError(ValueError):
    """The fault description is invalid; the message names the field."""


@dataclass(slots=True)
class InjectedFault:
    """How the next matching requests fail.

    mode: `error` the vendor's failure envelope (code, message, status); `cut_off` a real response whose body stops
    halfway; `html` a proxy's error page; `raw` the given status, headers and body; `close` the connection
    closes before any response; `reset` the same with a TCP reset; `stall` no response until the client disconnects;
    `redirect` a 302.
    count: how many requests. Clients may send a request again if a reused connection was lost; `close` and `reset`
    therefore count only the first request of a connection.
    delay: seconds before the fault (with mode None: before the real response).
    act: True lets the emulator process the request before the fault.
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
    def parse(cls, data: Mapping[str, Any]) -> "InjectedFault":
        """Return a fault from the control port's JSON; FaultError names what is wrong with it."""
        values = dict(data)
        if isinstance(values.get("code"), int):
            values["code"] = str(values["code"])
        for name, value in values.items():
            rule = _RULES.get(name)
            if rule is None:
                raise FaultError(f"unknown field {name!r}")
            if not rule.fits(value):
                raise FaultError(f"{name}: must be {rule.what}")
        return cls(**values)

    def matches(self, request: web.Request) -> bool:
        """Return whether this fault applies to the request."""
        method_fits = self.method is None or self.method.upper() == request.method
        return method_fits and (self.path is None or re.search(self.path, request.path) is not None)


class _Rule(NamedTuple):
    """Validation rule for a field of a fault."""

    what: str
    fits: Callable[[Any], bool]


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_pattern(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and re.compile(value) is not None)
    except re.error:
        return False


def _are_headers(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) and text.isascii() and text.isprintable() for pair in value.items() for text in pair
    )


_TEXT: Final = _Rule("a string or null", lambda value: value is None or isinstance(value, str))
_RULES: Final[Mapping[str, _Rule]] = {
    "mode": _Rule(f"one of {', '.join(get_args(Mode))} or null", lambda value: value in (*get_args(Mode), None)),
    "count": _Rule("a positive integer", lambda value: type(value) is int and value > 0),
    "delay": _Rule("a number of seconds from 0 to 3600", lambda value: _is_number(value, 0, 3600)),
    "act": _Rule("true or false", lambda value: isinstance(value, bool)),
    "method": _TEXT,
    "path": _Rule("a regular expression or null", _is_pattern),
    "code": _TEXT,
    "message": _TEXT,
    "status": _Rule(
        "an HTTP status from 200 to 599, or null",
        lambda value: value is None or (type(value) is int and 200 <= value <= 599),
    ),
    "headers": _Rule("an object whose names and values are printable ASCII", _are_headers),
    "body": _Rule("a string", lambda value: isinstance(value, str)),
}


@dataclass(slots=True)
class Exchange:
    """One request that the emulator received, and its response status (None: no response yet, or none at all).

    body: the first 64 KiB. body_size: the size of the complete body.
    """

    time: dt.datetime
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    body_size: int
    status: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the request as JSON for the control port."""
        return {
            "time": self.time.isoformat(),
            "method": self.method,
            "target": self.target,
            "headers": dict(self.headers),
            "body_base64": base64.b64encode(self.body).decode(),
            "body_size": self.body_size,
            "status": self.status,
        }


class FaultInterceptor:
    """Records every request of one emulated API and applies the armed faults."""

    def __init__(self, emulator: Emulator, clock: Clock) -> None:
        self._emulator = emulator
        self._clock = clock
        self._faults: list[InjectedFault] = []
        self._connections: WeakSet[asyncio.BaseTransport] = WeakSet()  # those that had a request
        self.history: deque[Exchange] = deque(maxlen=_HISTORY_ENTRIES)

    def arm(self, fault: InjectedFault) -> None:
        """Arm a fault for the next matching requests."""
        self._faults.append(fault)

    def disarm(self) -> None:
        """Disarm all faults."""
        self._faults.clear()

    @property
    def armed(self) -> int:
        """Number of requests that the armed faults still apply to."""
        return sum(fault.count for fault in self._faults)

    def middleware(self) -> Any:
        """Return the aiohttp middleware; it must be the outermost one."""

        @web.middleware
        async def intercept(request: web.Request, handler: Handler) -> web.StreamResponse:
            started, body = self._clock.now(), await request.read()
            kept = body[:_HISTORY_BODY_BYTES]
            exchange = Exchange(
                started, request.method, request.raw_path, dict(request.headers), kept, body_size=len(body)
            )
            self.history.append(exchange)
            try:
                response = await self._answer(request, handler)
            except web.HTTPException as error:
                exchange.status = error.status
                raise
            is_disconnected = request.transport is None or request.transport.is_closing()
            if response.prepared or not is_disconnected:
                exchange.status = response.status
            return response

        return intercept

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self._take(request)
        if fault is None:
            return await handler(request)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        needs_real_response = fault.mode in (None, "cut_off")
        response = await handler(request) if fault.act or needs_real_response else None
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
                return await _stall(request)
        assert response is not None
        return response if fault.mode is None else await _cut_off(request, response)

    def _take(self, request: web.Request) -> InjectedFault | None:
        reused = request.transport in self._connections
        if request.transport is not None:
            self._connections.add(request.transport)
        for fault in self._faults:
            if fault.matches(request):
                # Clients may send a request again if a reused connection was lost: that request is the one that counts.
                fault.count -= 0 if reused and fault.mode in ("close", "reset") else 1
                if fault.count == 0:
                    self._faults.remove(fault)
                return fault
        return None


async def _stall(request: web.Request) -> web.Response:
    """Wait until the client disconnects; the returned response can no longer be written."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  (aiohttp signals no event for this)
        await asyncio.sleep(_STALL_POLL_SECONDS)
    return web.Response(status=500)


def _disconnect(request: web.Request, *, abort: bool) -> web.Response:
    """Close the connection without a response; the returned response can no longer be written."""
    transport = request.transport
    if transport is not None:
        if abort:
            # With a linger time of zero, closing sends a TCP reset.
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        else:
            transport.close()
    return web.Response(status=500)


async def _cut_off(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Send the real headers with the first half of the body, then close the connection."""
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    partial.content_length = max(len(body), 2)
    await partial.prepare(request)
    await partial.write(body[: len(body) // 2] or b" ")
    if request.transport is not None:
        request.transport.close()
    return partial
