"""One keeper of the renewal agent, with a clock, a source of certificates, and a check that a test controls."""

import asyncio
import contextlib
import datetime as dt
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from keyway.agent.actions import ActionError
from keyway.agent.installer import Installer
from keyway.agent.keeper import Keeper
from keyway.agent.material import Material
from keyway.agent.outputs import OutputFile, OutputFormat, Part
from keyway.agent.schedule import Schedule
from keyway.agent.settings import ManagedCertificate
from keyway.agent.state import CertificateState
from keyway.agent.status import status_tree
from tests.support.authority import CertificateAuthority
from tests.support.waiting import eventually

_PAUSE_SECONDS: Final = 3600.0
"""The polling interval: in a test, the keeper reads only when `wake` is called."""


class IssuingSource:
    """A source whose certificate a test renews. reads: how often the certificate was read."""

    def __init__(self) -> None:
        self.reads = 0
        self._authority = CertificateAuthority()
        self.renew()

    def renew(self) -> None:
        """Issue a new version."""
        issued = self._authority.issue("www", hosts=["www.example.com"], expires_in=dt.timedelta(days=90))
        self.material = Material((issued.certificate, self._authority.certificate), (), issued.key)

    async def public(self, managed: ManagedCertificate) -> Material:
        """Return the certificates."""
        assert managed.name == "www"
        self.reads += 1
        return self.material

    async def complete(self, managed: ManagedCertificate) -> Material:
        """Return the certificates and the key."""
        assert managed.needs_key
        return self.material


class SwitchedCheck:
    """A check that fails while it is broken."""

    def __init__(self) -> None:
        self.is_broken = False

    async def run(self) -> None:
        """Run the check."""
        if self.is_broken:
            raise ActionError("broken")


class KeeperScene:
    """The keeper. now: its time. check: of its certificate. schedule: its options."""

    def __init__(self, folder: Path, **schedule: Any) -> None:
        self.now = dt.datetime.now(dt.UTC)
        self.check = SwitchedCheck()
        self._source = IssuingSource()
        self._folder = folder / "www"
        managed = ManagedCertificate(
            name="www",
            certificate="providers/p/certificates/www",
            authorities=(),
            trust_store=None,
            hosts=("www.example.com",),
            directory=self._folder,
            outputs=(
                OutputFile("key", OutputFormat.PEM, (Part.PRIVATE_KEY,), 0o600, None, None, None, ""),
                OutputFile("chain", OutputFormat.PEM, (Part.CERTIFICATE, Part.CHAIN), 0o644, None, None, None, ""),
            ),
            password_file=None,
            private_key_password_file=None,
            schedule=Schedule(**schedule),
            check=self.check,
            reload=None,
            verify=None,
        )
        self.state = CertificateState()
        installer = Installer(managed, self.state, lambda: None, self._now, asyncio.Lock())
        self.keeper = Keeper(
            managed,
            self.state,
            installer,
            self._source,
            pause=lambda: _PAUSE_SECONDS,
            changed=lambda: None,
            now=self._now,
        )

    def _now(self) -> dt.datetime:
        return self.now

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the keeper, which has installed the first version."""
        task = asyncio.create_task(self.keeper.run())
        try:
            await self.until(lambda: self.is_installed)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def is_installed(self) -> bool:
        """Whether the version at the provider is installed."""
        installed = self.keeper.installer.installed()
        return installed is not None and installed.version == self._source.material.version and self.state.found is None

    @property
    def condition(self) -> str:
        """The condition in the status."""
        tree = status_tree([self.keeper], self.now, watching=False, problem="")
        found: str = tree["certificates"][0]["state"]
        return found

    @property
    def versions(self) -> set[str]:
        """The names of the versions on the disk."""
        return set(os.listdir(self._folder / "versions"))

    @property
    def current(self) -> str:
        """The name of the current version."""
        return (self._folder / "current").readlink().name

    async def renew(self) -> None:
        """Issue a new version at the provider, and let the keeper read it."""
        self._source.renew()
        await self.read()

    async def read(self, **later: float) -> None:
        """Let the keeper read the provider and act. later: by how much the clock changes first, as for `timedelta`."""
        self.now += dt.timedelta(**later)
        before = self._source.reads
        self.keeper.wake()
        await self.until(lambda: self._source.reads > before)
        await self.keeper.idle()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""

        async def holds() -> bool:
            return condition()

        await eventually(holds, otherwise=lambda: repr(self.state))
