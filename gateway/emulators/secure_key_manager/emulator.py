"""The emulator for the host and the control port, composed of the modules of this package."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from aiohttp import web

from gateway.emulators.base import Clock, Emulator
from gateway.emulators.database import Database
from gateway.emulators.secure_key_manager import errors
from gateway.emulators.secure_key_manager.routes import KeyManagerRoutes, failure_response
from gateway.emulators.secure_key_manager.seed import Seeder
from gateway.emulators.secure_key_manager.state import KeyManagerState


class SecureKeyManagerEmulator(Emulator):
    """NHN Cloud Secure Key Manager."""

    kind: ClassVar[str] = "nhn-secure-key-manager"

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._state = KeyManagerState(database)
        # Generating keys awaits. Without the lock, a reset or the same seed could run in between.
        self._changing = asyncio.Lock()

    def install(self, application: web.Application) -> None:
        """Add the ten calls."""
        KeyManagerRoutes(self._state, self.clock).install(application)

    async def reset(self) -> None:
        """Delete everything, including the setting `failures_as_200`."""
        async with self._changing:
            self._state.clear()

    async def seed(self, data: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Add the described objects (see seed_format.py), or the missing objects of the default set."""
        async with self._changing:
            return await Seeder(self._state, self.clock).seed(data)

    def failure(self, code: str | None, message: str | None, status: int | None) -> web.Response:
        """Return a failure by result code or message. An explicit status overrides `failures_as_200`."""
        failure = errors.find(code)
        if message is not None:
            failure = replace(failure, message=message)
        default_status = 200 if self._state.failures_as_200 else failure.status
        return failure_response(failure, default_status if status is None else status)
