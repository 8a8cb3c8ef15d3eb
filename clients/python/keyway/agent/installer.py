"""Installation of one certificate: write, switch, check, reload, verify, and roll back after a failure.

The state file records an installation before the link changes. If the agent is killed, the next start continues there.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable

from keyway.agent.actions import ActionError
from keyway.agent.handshake import HandshakeError, wait_until_served
from keyway.agent.material import Material, MaterialError, check
from keyway.agent.outputs import layout
from keyway.agent.reasons import FailureReason, InstallError, text_of
from keyway.agent.settings import ManagedCertificate
from keyway.agent.state import CertificateState, Unfinished
from keyway.agent.versions import Manifest, VersionedDirectory


class Installer:
    """state: of the certificate. save: writes the state file. now: the clock.

    Installations of all certificates share `lock`, so that a server reloads for one certificate at a time.
    """

    def __init__(
        self,
        managed: ManagedCertificate,
        state: CertificateState,
        save: Callable[[], None],
        now: Callable[[], dt.datetime],
        lock: asyncio.Lock,
    ) -> None:
        self._managed = managed
        self._state = state
        self._save = save
        self._now = now
        self._lock = lock
        self._directory = VersionedDirectory(managed.directory, managed.certificate, managed.outputs)

    def installed(self) -> Manifest | None:
        """Return the manifest of the current version.

        None if its installation did not end, or if its files are not those of the configuration.
        """
        if self._is_unfinished():
            return None
        found = self._directory.manifest()
        matches = found is not None and found.layout == layout(self._managed.outputs)
        return found if matches and found is not None and found.certificate == self._managed.certificate else None

    def served_from(self) -> Manifest | None:
        """Return the manifest of the current version, whatever configuration it is of."""
        return self._directory.manifest()

    def _is_unfinished(self) -> bool:
        """Return whether the current version is one whose installation did not end."""
        unfinished = self._state.unfinished
        return unfinished is not None and unfinished.candidate == self._directory.current()

    def repair(self) -> None:
        """Set owner, group, and mode of the current files. Raises InstallError."""
        try:
            self._directory.apply_permissions()
        except (MaterialError, OSError) as error:
            raise InstallError(FailureReason.PERMISSIONS, _text(error)) from error

    async def install(self, material: Material) -> None:
        """Install new certificates. Raises InstallError; the previous version is then current."""
        try:
            check(material, self._managed.hosts, self._now(), needs_key=self._managed.needs_key)
        except MaterialError as error:
            raise InstallError(FailureReason.CERTIFICATE, str(error)) from error
        async with self._lock:
            self._begin(material)
            await self._activate()

    async def resume(self) -> None:
        """Continue an installation that the end of the agent interrupted. Raises InstallError."""
        unfinished = self._state.unfinished
        with contextlib.suppress(OSError):  # an installation reports it
            self._directory.prune(unfinished.previous if unfinished else None)
        if unfinished is None:
            return
        async with self._lock:
            if self._is_unfinished():
                await self._activate()
            elif self._directory.current() is not None:
                # The link did not change yet, or it is back already. In doubt, the server reloads the old files.
                await self._return_server(self._directory.manifest())
                self._finish()

    def _begin(self, material: Material) -> None:
        try:
            last = self._state.unfinished
            current = self._directory.current()
            previous = last.previous if last is not None and last.candidate == current else current
            self._directory.prune(previous)
            candidate = self._directory.write(material, self._now())
        except (MaterialError, OSError) as error:
            raise InstallError(FailureReason.WRITE, _text(error)) from error
        self._state.unfinished = Unfinished(candidate, previous)
        try:
            self._save()
            self._directory.switch(candidate)
        except OSError as error:
            self._state.unfinished = last
            self._directory.remove(candidate)
            raise InstallError(FailureReason.WRITE, text_of(error)) from error

    async def _activate(self) -> None:
        """Check, reload, and verify the current version. Roll back if that fails."""
        try:
            await self._check()
            await self._reload(self._directory.manifest())
        except InstallError as failure:
            await self._roll_back(failure)
            raise
        previous = self._state.unfinished.previous if self._state.unfinished else None
        self._finish()
        self._directory.prune(previous)

    async def _check(self) -> None:
        try:
            if self._managed.check is not None:
                await self._managed.check.run()
        except ActionError as error:
            raise InstallError(FailureReason.CHECK, str(error)) from error

    async def _reload(self, expected: Manifest | None) -> None:
        try:
            if self._managed.reload is not None:
                await self._managed.reload.run()
        except ActionError as error:
            raise InstallError(FailureReason.RELOAD, str(error)) from error
        try:
            if self._managed.verify is not None and expected is not None:
                await wait_until_served(self._managed.verify, expected.fingerprint)
        except HandshakeError as error:
            raise InstallError(FailureReason.VERIFY, str(error)) from error

    async def _roll_back(self, failure: InstallError) -> None:
        """Make the previous version current again. Without one, the new version stays, and the next attempt repeats."""
        unfinished = self._state.unfinished
        assert unfinished is not None
        previous = unfinished.previous
        manifest = None if previous is None else self._directory.manifest(previous)
        if previous is None or manifest is None:
            return
        try:
            self._directory.switch(previous)
        except OSError as error:
            message = f"{failure.message}; the previous files are not current again: {text_of(error)}"
            raise InstallError(FailureReason.ROLLBACK, message) from error
        if failure.reason is not FailureReason.CHECK:
            await self._return_server(manifest, failure)
        self._finish()
        self._directory.remove(unfinished.candidate)

    async def _return_server(self, manifest: Manifest | None, cause: InstallError | None = None) -> None:
        """Reload the server with the previous version."""
        try:
            await self._reload(manifest)
        except InstallError as error:
            first = f"{cause.message}; then " if cause else ""
            message = f"{first}the server could not return to the previous certificate: {error.message}"
            raise InstallError(FailureReason.ROLLBACK, message) from error

    def _finish(self) -> None:
        self._state.unfinished = None
        try:
            self._save()
        except OSError:
            # The next start repeats the reload, which does no harm. The caller of `save` reports full disks.
            return


def _text(error: MaterialError | OSError) -> str:
    return text_of(error) if isinstance(error, OSError) else str(error)
