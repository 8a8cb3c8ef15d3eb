"""The emulator for the host and the control port, composed of the modules of this package."""

from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from gateway.emulators.base import Clock, Emulator
from gateway.emulators.certificate_manager import demo, errors, seed
from gateway.emulators.certificate_manager.routes import CertificateManagerRoutes
from gateway.emulators.certificate_manager.state import CertificateManagerState
from gateway.emulators.database import Database


class CertificateManagerEmulator(Emulator):
    """NHN Cloud Certificate Manager, API v1.0 to v1.3."""

    kind: ClassVar[str] = "nhn-certificate-manager"

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._state = CertificateManagerState(database)

    def install(self, application: web.Application) -> None:
        """Add the API's routes and middleware."""
        CertificateManagerRoutes(self._state, self.database, self.clock).install(application)

    async def reset(self) -> None:
        """Delete everything, including app keys."""
        self._state.clear()

    async def seed(self, data: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Add the described objects (see `seed.SeedData`), or add the default set to an empty state."""
        if data is not None:
            described = seed.parse(data)
            with self.database.transaction():
                seed.add(self._state, described)
        elif self._state.is_empty:
            described, root = await demo.default_set(self.clock.now())
            with self.database.transaction():
                seed.add(self._state, described)
                self._state.set_authority_certificate(root)
        return seed.describe(self._state)

    def failure(self, code: str | None, message: str | None, status: int | None) -> web.Response:
        """Return the failure envelope for an injected fault."""
        return errors.failure_on_demand(code, message, status)
