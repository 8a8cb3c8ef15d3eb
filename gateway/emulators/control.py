"""The control port: an HTTP API to control an emulator, separate from the emulated API.

    GET    /          this text
    GET    /health    the emulated upstream type
    POST   /reset     restore the default objects; clear faults, history, and clock offset; {"seed": false}: no objects
    POST   /seed      add objects (empty body: the default set); returns the resulting state
    GET    /faults    number of requests that the armed faults still apply to
    POST   /faults    arm a fault: {"mode": …, "count": N, "path": REGEX, "method": …, "delay": SECONDS, "act": BOOL};
                      modes: `error` (with code, message, status: the vendor's failure), `cut_off`, `html`, `raw`
                      (with status, headers, body), `close`, `reset`, `stall`, `redirect`; null only delays
    DELETE /faults    disarm all faults
    GET    /history   received requests, oldest first (?since=N skips the first N)
    DELETE /history   clear the history
    POST   /clock     {"offset_seconds": N} shifts the emulator's time

Invalid requests return 400 with {"error": text}.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from aiohttp import web

from gateway.emulators.base import Clock, Emulator, SeedError
from gateway.emulators.faults import FaultError, FaultInterceptor, InjectedFault

_CENTURY_SECONDS: Final = 100 * 365 * 24 * 3600


class Control:
    """The control port's handlers for one emulator."""

    def __init__(self, emulator: Emulator, interceptor: FaultInterceptor, clock: Clock) -> None:
        self._emulator = emulator
        self._interceptor = interceptor
        self._clock = clock

    def application(self) -> web.Application:
        """Return the control API."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/", self._help),
                web.get("/health", self._health),
                web.post("/reset", self._reset),
                web.post("/seed", self._seed),
                web.get("/faults", self._count_faults),
                web.post("/faults", self._arm),
                web.delete("/faults", self._disarm),
                web.get("/history", self._history),
                web.delete("/history", self._forget_history),
                web.post("/clock", self._set_clock),
            ]
        )
        return application

    async def _help(self, _request: web.Request) -> web.Response:
        return web.Response(text=__doc__ or "")

    async def _health(self, _request: web.Request) -> web.Response:
        return _answer({"emulates": self._emulator.kind, "status": "ok"})

    async def _reset(self, request: web.Request) -> web.Response:
        seed = (await _object(request) or {}).get("seed", True)
        if not isinstance(seed, bool):
            raise _refusal("seed: must be true or false")
        await self._emulator.reset()
        self._interceptor.disarm()
        self._interceptor.history.clear()
        self._clock.offset = dt.timedelta()
        return _answer(await self._emulator.seed(None) if seed else {})

    async def _seed(self, request: web.Request) -> web.Response:
        try:
            return _answer(await self._emulator.seed(await _object(request) or None))
        except SeedError as error:
            raise _refusal(str(error)) from error

    async def _count_faults(self, _request: web.Request) -> web.Response:
        return _answer({"armed": self._interceptor.armed})

    async def _arm(self, request: web.Request) -> web.Response:
        try:
            self._interceptor.arm(InjectedFault.parse(await _object(request) or {}))
        except FaultError as error:
            raise _refusal(str(error)) from error
        return await self._count_faults(request)

    async def _disarm(self, request: web.Request) -> web.Response:
        self._interceptor.disarm()
        return await self._count_faults(request)

    async def _history(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "0")
        if not since.isdecimal():
            raise _refusal("since: must be a number of entries")
        entries = list(self._interceptor.history)[int(since) :]
        return _answer({"requests": [entry.as_json() for entry in entries]})

    async def _forget_history(self, _request: web.Request) -> web.Response:
        self._interceptor.history.clear()
        return _answer({})

    async def _set_clock(self, request: web.Request) -> web.Response:
        offset = (await _object(request) or {}).get("offset_seconds")
        if not _is_offset(offset):
            raise _refusal(
                f"offset_seconds: must be a number from -{_CENTURY_SECONDS} to {_CENTURY_SECONDS} (100 years)"
            )
        self._clock.offset = dt.timedelta(seconds=offset)
        return _answer({"now": self._clock.now().isoformat()})


def _is_offset(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _CENTURY_SECONDS


async def _object(request: web.Request) -> dict[str, Any] | None:
    """Return the request's JSON object; None for an empty body."""
    body = await request.read()
    if not body.strip():
        return None
    try:
        data = json.loads(body)
    except ValueError as error:
        raise _refusal("the body is not JSON") from error
    if not isinstance(data, dict):
        raise _refusal("the body is not a JSON object")
    return data


def _answer(data: Mapping[str, Any]) -> web.Response:
    """Return a JSON response that ends with a line break, for use with curl."""
    return web.json_response(data, dumps=_line)


def _line(data: object) -> str:
    return json.dumps(data, ensure_ascii=False) + "\n"


def _refusal(message: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=_line({"error": message}), content_type="application/json")
