"""The interface between an emulator, the host, and the control port, and the clock that they share.

An emulator installs one vendor's API in an aiohttp application, and has the few operations below.
"""

import datetime as dt
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from gateway.emulators.database import Database


def json_response(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return JSON as the vendors document it: raw UTF-8, with the content type `application/json` without a charset."""
    body = json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})


class SeedError(ValueError):
    """The seed data is invalid; the message names the field."""


class Clock:
    """The emulator's clock: system time plus an offset that the control port sets."""

    def __init__(self) -> None:
        self.offset = dt.timedelta()

    def now(self) -> dt.datetime:
        """Return the current instant, in UTC."""
        return dt.datetime.now(dt.UTC) + self.offset


class Emulator(ABC):
    """One emulated upstream."""

    kind: ClassVar[str]
    """The provider type in the gateway's configuration, such as `nhn-secure-key-manager`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    @abstractmethod
    def install(self, application: web.Application) -> None:
        """Add the vendor's API: its routes, and (appended) the middlewares that it needs."""

    @abstractmethod
    async def reset(self) -> None:
        """Delete all state, as in a new installation without seed data."""

    @abstractmethod
    async def seed(self, data: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Add the described objects. None adds the default set, unless state already exists.

        Returns a description of the resulting state for the control port. SeedError names invalid fields.
        """

    @abstractmethod
    def failure(self, code: str | None, message: str | None, status: int | None) -> web.Response:
        """Return the vendor's failure response for an injected fault.

        `code` is a documented error code (or message, where the vendor has no codes); None takes the
        vendor's internal error. `message` and `status` override the documented ones.
        """
