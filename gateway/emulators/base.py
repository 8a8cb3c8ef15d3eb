"""What every emulator offers to the host and to the control port, and the clock they all read.

An emulator installs one vendor's API in an aiohttp application, and has the few operations below.
"""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from gateway.emulators.database import Database


class SeedError(ValueError):
    """The control port was given seed data that the emulator can't take; the message names the field."""


class Clock:
    """The emulator's idea of now: the system's, plus an offset that the control port can set."""

    def __init__(self) -> None:
        self.offset = dt.timedelta()

    def now(self) -> dt.datetime:
        """The current instant, in UTC."""
        return dt.datetime.now(dt.UTC) + self.offset


class Emulator(ABC):
    """One emulated upstream."""

    kind: ClassVar[str]
    """The upstream's type as the gateway's configuration spells it, such as `nhn-secure-key-manager`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    @abstractmethod
    def install(self, application: web.Application) -> None:
        """Add the vendor's API: its routes, and (appended) the middlewares that it needs."""

    @abstractmethod
    async def reset(self) -> None:
        """Forget everything: the state after this is that of a new, unseeded installation."""

    @abstractmethod
    async def seed(self, data: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Add the described objects (None: the default set, skipped where state is already there).

        Answers a description of what now exists, for the control port's caller. SeedError names bad fields.
        """

    @abstractmethod
    def failure(self, code: str | None, message: str | None, status: int | None) -> web.Response:
        """The vendor's own failure answer for a fault on demand.

        `code` is a documented error code (or message, where the vendor has no codes); None takes the
        vendor's internal error. `message` and `status` override the documented ones.
        """
