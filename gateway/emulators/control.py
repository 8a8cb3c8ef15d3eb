"""The control port: steers an emulator from outside, apart from the API it emulates.

    GET    /health    what is emulated
    POST   /reset     forget all state, faults, history and clock offset; {"seed": true} seeds the defaults again
    POST   /seed      add objects (an empty body: the default set); answers what now exists
    POST   /faults    arm a fault (see faults.Fault); DELETE disarms all; GET says how many requests are left
    GET    /history   requests seen, oldest first (?since=N leaves out the first N); DELETE empties it
    POST   /clock     {"offset_seconds": N} shifts the emulator's time

Every refusal is a 400 with {"error": text}.
"""

import datetime as dt
import json
from typing import Any, Final, TypeGuard

from aiohttp import web

from gateway.emulators.base import Clock, Emulator, SeedError
from gateway.emulators.faults import Fault, FaultError, Interceptor

_CENTURY_SECONDS: Final = 100 * 365 * 24 * 3600


class Control:
    """The control port's handlers for one emulator."""

    def __init__(self, emulator: Emulator, interceptor: Interceptor, clock: Clock) -> None:
        self._emulator = emulator
        self._interceptor = interceptor
        self._clock = clock

    def application(self) -> web.Application:
        """The control API."""
        application = web.Application()
        application.add_routes(
            [
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

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"emulates": self._emulator.kind, "status": "ok"})

    async def _reset(self, request: web.Request) -> web.Response:
        data = await _object(request) or {}
        await self._emulator.reset()
        self._interceptor.disarm()
        self._interceptor.history.clear()
        self._clock.offset = dt.timedelta()
        seeded = await self._emulator.seed(None) if data.get("seed") else {}
        return web.json_response(seeded)

    async def _seed(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(await self._emulator.seed(await _object(request)))
        except SeedError as error:
            raise _refusal(str(error)) from error

    async def _count_faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"armed": self._interceptor.armed})

    async def _arm(self, request: web.Request) -> web.Response:
        try:
            self._interceptor.arm(Fault.parse(await _object(request) or {}))
        except FaultError as error:
            raise _refusal(str(error)) from error
        return await self._count_faults(request)

    async def _disarm(self, request: web.Request) -> web.Response:
        self._interceptor.disarm()
        return await self._count_faults(request)

    async def _history(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "0")
        if not since.isdecimal():
            raise _refusal("since: a number of entries")
        entries = list(self._interceptor.history)[int(since) :]
        return web.json_response({"requests": [entry.as_json() for entry in entries]})

    async def _forget_history(self, _request: web.Request) -> web.Response:
        self._interceptor.history.clear()
        return web.json_response({})

    async def _set_clock(self, request: web.Request) -> web.Response:
        offset = (await _object(request) or {}).get("offset_seconds")
        if not _is_offset(offset):
            raise _refusal("offset_seconds: a number of seconds, up to 100 years either way")
        self._clock.offset = dt.timedelta(seconds=offset)
        return web.json_response({"now": self._clock.now().isoformat()})


def _is_offset(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _CENTURY_SECONDS


async def _object(request: web.Request) -> dict[str, Any] | None:
    """The request's JSON object; None where the body is empty."""
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


def _refusal(message: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": message}), content_type="application/json")
