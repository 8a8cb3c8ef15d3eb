"""ASTERIA Warp's management API (module `certificate`, and the logins it needs) as an emulator of the host."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from gateway.emulators.asteria import demo, routes, seed
from gateway.emulators.asteria.errors import FAILURES, INTERNAL_ERROR, AsteriaFailure
from gateway.emulators.asteria.key_stores import KeyStores
from gateway.emulators.asteria.sessions import Sessions
from gateway.emulators.asteria.state import AsteriaState
from gateway.emulators.asteria.trust_stores import TrustStores
from gateway.emulators.base import Clock, Emulator
from gateway.emulators.database import Database

_DEFAULT_STATUS = 500


class AsteriaEmulator(Emulator):
    """One ASTERIA Warp server."""

    kind: ClassVar[str] = "asteria"

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._state = AsteriaState(database)
        self._routes = routes.AsteriaRoutes(
            Sessions(self._state, clock), KeyStores(self._state, clock), TrustStores(self._state, clock)
        )

    def install(self, application: web.Application) -> None:
        """Add the API."""
        self._routes.install(application)

    async def reset(self) -> None:
        """Delete users, sessions, certificates, and authorities."""
        self._state.clear()

    async def seed(self, data: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Add seed data (format in seed.py). The default set (demo.py) is added only to an empty state."""
        if data is not None:
            await seed.apply(self._state, await asyncio.to_thread(seed.parse, data, self.clock.now()))
        elif self._state.is_empty():
            await seed.apply(self._state, await asyncio.to_thread(demo.plan, self.clock.now()))
        return seed.inventory(self._state)

    def failure(self, code: str | None, message: str | None, status: int | None) -> web.Response:
        """Return a failure response: a documented code has its documented status; an unknown code is passed through."""
        row = INTERNAL_ERROR if code is None else _row(code)
        return routes.failure(row, message, status=status)


def _row(code: str) -> AsteriaFailure:
    if not code.isdecimal():
        return AsteriaFailure(None, _DEFAULT_STATUS, code)
    return FAILURES.get(int(code), AsteriaFailure(int(code), _DEFAULT_STATUS, "Error"))
