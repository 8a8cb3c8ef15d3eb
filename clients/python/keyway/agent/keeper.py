"""The keeper of one certificate: when to download, when to install, and what failed."""

import asyncio
import contextlib
import datetime as dt
import logging
import random
from collections.abc import Callable
from typing import Any, Final

from keyway.agent.installer import Installer
from keyway.agent.material import Material, MaterialError, check
from keyway.agent.reasons import FailureReason, InstallError, place_of, text_of
from keyway.agent.schedule import share_of_host
from keyway.agent.settings import ManagedCertificate
from keyway.agent.sources import CertificateSource
from keyway.agent.state import CertificateState, Failure, Found
from keyway.errors import KeywayError

_FIRST_RETRY_SECONDS: Final = 5.0
_LAST_INSTALL_RETRY_SECONDS: Final = 3600.0
_RETRY_JITTER: Final = 0.2
"""The maximum share of a pause that is randomly added or subtracted."""
_SUCCESS: Final = "success"
_log: Final = logging.getLogger("keyway.agent")


class Keeper:
    """managed: the settings. state: the saved state. changed: called after each change of the state.

    pause: returns the seconds between two downloads. now: the clock.
    """

    def __init__(
        self,
        managed: ManagedCertificate,
        state: CertificateState,
        installer: Installer,
        source: CertificateSource,
        *,
        pause: Callable[[], float],
        changed: Callable[[], None],
        now: Callable[[], dt.datetime],
    ) -> None:
        self.managed = managed
        self.state = state
        self.installer = installer
        self._source = source
        self._pause = pause
        self._changed = changed
        self._now = now
        self._working = asyncio.Lock()
        self._woken = asyncio.Event()
        self.chain_version = ""
        """The version of the certificate that was downloaded last, as in events of the gateway."""

    def wake(self) -> None:
        """Read the gateway now, for example after an event of the stream."""
        self._woken.set()

    async def run(self) -> None:
        """Keep the certificate up to date until cancelled."""
        self._log_known_problems()
        async with self._working:
            with self._recorded():
                await self.installer.resume()
            installed, found = self.installer.installed(), self.state.found
            if installed is not None and found is not None and installed.version == found.version:
                self._note_current()  # the agent was killed after the installation
        while True:
            self._woken.clear()
            async with self._working:
                await self._step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_next_step()):
                    await self._woken.wait()

    def _log_known_problems(self) -> None:
        """Log what failed before the agent was started again: a failure is otherwise logged only when it is new."""
        for failure in (self.state.install, self.state.refresh):
            if failure is not None:
                since = dt.datetime.fromtimestamp(failure.since, dt.UTC).isoformat(timespec="seconds")
                _log.warning("%s: %s fails since %s: %s", self.managed.name, failure.reason, since, failure.message)

    async def idle(self) -> None:
        """Wait until no installation runs."""
        async with self._working:
            return

    async def rotate(self, *, force: bool) -> str:
        """Install a new certificate immediately; return what happened. force: also if it is not new.

        Raises InstallError.
        """
        async with self._working:
            material = await self._read()
            if material is None:
                failure = self.state.refresh
                raise InstallError(FailureReason.GATEWAY, failure.message if failure else "no certificate")
            installed = self.installer.installed()
            if installed is not None and installed.version == material.version and not force:
                return f"{self.managed.name} is up to date: version {material.version[:12]}"
            self._note_found(material, installed.expiry if installed else None)
            await self._install(material)
            if self.state.install is not None:
                raise InstallError(FailureReason(self.state.install.reason), self.state.install.message)
            return f"installed version {material.version[:12]} of {self.managed.name}"

    async def _step(self) -> None:
        self._repair()
        material = await self._read()
        if material is None:
            return
        installed = self.installer.installed()
        if installed is not None and installed.version == material.version:
            self._note_current()
            return
        self._note_found(material, installed.expiry if installed else None)
        if self._is_due(installed.expiry if installed else None):
            await self._install(material)

    def _repair(self) -> None:
        if self.installer.installed() is None:
            return
        failed = self.state.install is not None and self.state.install.reason == FailureReason.PERMISSIONS.value
        with self._recorded():
            self.installer.repair()
            if failed:
                self.state.install = None

    async def _read(self) -> Material | None:
        """Return the public part from the gateway; None after a failure, which the state then describes."""
        try:
            material = await self._source.public(self.managed)
        except (KeywayError, MaterialError, OSError) as error:
            self._note_refresh_failure(_text(error))
            return None
        except Exception as error:  # noqa: BLE001 - a bug must not stop the work for the other certificates
            self._note_refresh_failure(place_of(error))
            return None
        if self.state.refresh is not None:
            _log.info("%s: downloads from the gateway succeed again", self.managed.name)
        self.chain_version = material.chain_version
        self.state.refresh = None
        self.state.checked = self._now().timestamp()
        self._changed()
        return material

    def _note_refresh_failure(self, message: str) -> None:
        failure = self._next_failure(self.state.refresh, FailureReason.GATEWAY, message, "", self._pause())
        if self.state.refresh is None or self.state.refresh.message != message:
            _log.warning("%s: cannot read the certificate: %s", self.managed.name, message)
        self.state.refresh = failure
        self._changed()

    def _note_current(self) -> None:
        failure = self.state.install
        if self.state.found is not None or (failure and failure.reason != FailureReason.PERMISSIONS.value):
            # For example, the provider has the installed certificate again.
            self.state.found = None
            if failure is not None and failure.reason != FailureReason.PERMISSIONS.value:
                self.state.install = None
            self._changed()

    def _note_found(self, material: Material, expiry: dt.datetime | None) -> None:
        now = self._now()
        found = self.state.found
        # If the clock was set back since then, the due time can be far away.
        if found is not None and found.version == material.version and found.since <= now.timestamp():
            return
        share = share_of_host(self.managed.name, material.version)
        due = self.managed.schedule.due(now, share, expiry)
        self.state.found = Found(material.version, now.timestamp(), due.timestamp())
        if due > now:
            _log.info("%s: found version %s; it will be installed at %s", self.managed.name, material.version[:12],
                      due.isoformat(timespec="seconds"))  # fmt: skip
        self._changed()

    def _is_due(self, expiry: dt.datetime | None) -> bool:
        """Return whether to install the found version now. expiry: of the installed version."""
        found, failure, now = self.state.found, self.state.install, self._now()
        assert found is not None
        if failure is not None and failure.version == found.version and self._seconds_to_retry(failure) > 0:
            return False
        schedule = self.managed.schedule
        overridden = expiry is None or now >= expiry - dt.timedelta(seconds=schedule.override_seconds)
        if overridden:
            return True
        if now.timestamp() >= found.due:
            if schedule.is_open(now):
                return True
            # The window closed before the installation succeeded.
            found.due = schedule.due(now, share_of_host(self.managed.name, found.version), expiry).timestamp()
        return False

    async def _install(self, public: Material) -> None:
        with self._recorded(public.version):
            material = await self._complete(public)
            await self.installer.install(material)
            self.state.found = self.state.install = None
            self._count(_SUCCESS)
            _log.info("%s: installed version %s, which expires at %s", self.managed.name, material.version[:12],
                      material.leaf.not_valid_after_utc.isoformat())  # fmt: skip
        self._changed()

    async def _complete(self, public: Material) -> Material:
        """Return the certificates with the private key. A wrong certificate is rejected before the key is requested."""
        try:
            check(public, self.managed.hosts, self._now(), needs_key=False)
            return await self._source.complete(self.managed)
        except MaterialError as error:
            raise InstallError(FailureReason.CERTIFICATE, str(error)) from error
        except (KeywayError, OSError) as error:
            raise InstallError(FailureReason.GATEWAY, _text(error)) from error

    @contextlib.contextmanager
    def _recorded(self, version: str = "") -> Any:
        """Record an InstallError, or an unexpected error, in the state."""
        try:
            yield
        except InstallError as error:
            self._note_install_failure(error.reason, error.message, version)
        except Exception as error:  # noqa: BLE001 - a bug must not stop the work for the other certificates
            self._note_install_failure(FailureReason.INTERNAL, place_of(error), version)

    def _note_install_failure(self, reason: FailureReason, message: str, version: str) -> None:
        failure = self._next_failure(self.state.install, reason, message, version, _LAST_INSTALL_RETRY_SECONDS)
        self._count(reason.value)
        _log.error("%s: %s failed: %s", self.managed.name, reason.value, message)
        self.state.install = failure
        self._changed()

    def _next_failure(
        self, last: Failure | None, reason: FailureReason, message: str, version: str, longest: float
    ) -> Failure:
        now = self._now().timestamp()
        repeated = last is not None and last.version == version
        attempts = last.attempts + 1 if repeated and last is not None else 1
        jitter = random.uniform(1 - _RETRY_JITTER, 1 + _RETRY_JITTER)  # noqa: S311
        pause = min(longest, _FIRST_RETRY_SECONDS * 2.0 ** min(attempts - 1, 20)) * jitter
        return Failure(reason.value, message, last.since if repeated and last else now, attempts, now + pause, version)

    def _count(self, result: str) -> None:
        self.state.installations[result] = self.state.installations.get(result, 0) + 1

    def _seconds_to_next_step(self) -> float:
        now = self._now().timestamp()
        if self.state.refresh is not None:
            return self.state.refresh.wait(now, self._pause() * (1 + _RETRY_JITTER))
        seconds = self._pause() * random.uniform(0.9, 1.1)  # noqa: S311
        if self.state.found is not None:
            until_due, failure = self.state.found.due - now, self.state.install
            if failure is not None and failure.version == self.state.found.version:
                until_due = max(until_due, self._seconds_to_retry(failure))
            seconds = min(seconds, until_due)
        return max(0.1, seconds)

    def _seconds_to_retry(self, failure: Failure) -> float:
        """Return the seconds until the next attempt to install."""
        return failure.wait(self._now().timestamp(), _LAST_INSTALL_RETRY_SECONDS * (1 + _RETRY_JITTER))


def _text(error: Exception) -> str:
    return text_of(error) if isinstance(error, OSError) else str(error)
