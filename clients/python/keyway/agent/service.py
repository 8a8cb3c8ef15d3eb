"""The process of the agent: one keeper for each certificate, the control socket, the metrics, and the health file."""

import asyncio
import contextlib
import datetime as dt
import fcntl
import functools
import json
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from keyway import aio
from keyway.agent.control import ControlError, control_server
from keyway.agent.installer import Installer
from keyway.agent.keeper import Keeper
from keyway.agent.metrics_listener import metrics_listener
from keyway.agent.reasons import InstallError, text_of
from keyway.agent.settings import AgentSettings, ManagedCertificate
from keyway.agent.sources import CertificateSource, GatewaySource
from keyway.agent.state import StateFile
from keyway.agent.status import StatusTree, metrics_text, status_tree
from keyway.agent.watcher import Watcher
from keyway.new_files import new_file

_LOCK: Final = "lock"
_HEARTBEAT_SECONDS: Final = 15.0
_WRITING_PAUSE_SECONDS: Final = 1.0
"""The time between two writes of the state and the health file, which contain all certificates."""
_POLLS_PER_DOWNLOAD: Final = 12
"""The number of polling intervals between two downloads while the agent watches the certificates."""
_LONGEST_POLL: Final = 3600.0
_log: Final = logging.getLogger("keyway.agent")


class AlreadyRunningError(Exception):
    """Another agent uses the state directory."""


class Agent:
    """The keepers of all certificates. Raises OSError if the state directory cannot be used.

    watch: `watch_certificates` of the asyncio client.
    """

    def __init__(self, settings: AgentSettings, source: CertificateSource, watch: Callable[..., Any]) -> None:
        self._settings = settings
        self._states = StateFile(settings.state_directory)
        self._states.keep_only({each.name for each in settings.certificates})
        self._installing = asyncio.Lock()
        self._has_changed = asyncio.Event()
        self._problem = ""
        self.keepers = [self._keeper(each, source) for each in settings.certificates]
        self._watcher = Watcher(watch, self.keepers, settings.poll_seconds, self._has_changed.set)

    def _keeper(self, managed: ManagedCertificate, source: CertificateSource) -> Keeper:
        state = self._states.of(managed.name)
        installer = Installer(managed, state, self._states.save, _now, self._installing)
        pause = functools.partial(self._pause, managed)
        return Keeper(managed, state, installer, source, pause=pause, changed=self._has_changed.set, now=_now)

    def _pause(self, managed: ManagedCertificate) -> float:
        """Return the seconds between two downloads.

        They are more while the agent watches the certificate. A trust store is not watched.
        """
        seconds = self._settings.poll_seconds
        if managed.trust_store is not None or not self._watcher.watching:
            return seconds
        return max(seconds, min(seconds * _POLLS_PER_DOWNLOAD, _LONGEST_POLL))

    def status(self) -> StatusTree:
        """Return the status of all certificates."""
        return status_tree(self.keepers, _now(), watching=self._watcher.watching, problem=self._problem)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. An installation in progress ends first."""
        async with (
            control_server(self._settings.state_directory, self._control),
            metrics_listener(self._settings.metrics, lambda: metrics_text(self.status())),
        ):
            tasks = [asyncio.create_task(keeper.run()) for keeper in self.keepers]
            tasks.append(asyncio.create_task(self._write_repeatedly()))
            if self._settings.watch:
                tasks.append(asyncio.create_task(self._watcher.run()))
            ending = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait([*tasks, ending], return_when=asyncio.FIRST_COMPLETED)
                for keeper in self.keepers if stop.is_set() else ():
                    await keeper.idle()
            finally:
                for task in (*tasks, ending):
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
                self._write()
            for result in results:
                if isinstance(result, Exception):
                    raise result

    async def _control(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request.get("command") == "status":
            return self.status()
        if request.get("command") != "rotate":
            raise ControlError("unknown command")
        for keeper in self.keepers:
            if keeper.managed.name == request.get("name"):
                try:
                    return {"text": await keeper.rotate(force=bool(request.get("force")))}
                except InstallError as error:
                    raise ControlError(f"{error.reason.value}: {error.message}") from error
        known = ", ".join(keeper.managed.name for keeper in self.keepers)
        raise ControlError(f"no certificate is named {request.get('name')!r}; the names are: {known}")

    async def _write_repeatedly(self) -> None:
        """Write the state and the health file after changes, and at least every 15 seconds.

        Installations save their own progress, so the latest changes can be lost if the agent is killed.
        """
        while True:
            self._has_changed.clear()
            self._write()
            await asyncio.sleep(_WRITING_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT_SECONDS - _WRITING_PAUSE_SECONDS):
                    await self._has_changed.wait()

    def _write(self) -> None:
        """Write the files. A full disk does not stop the agent: the directories state what is installed."""
        try:
            self._states.save()
            self._write_health()
        except OSError as error:
            if not self._problem:
                _log.error("cannot write the state: %s", text_of(error))
            self._problem = f"cannot write the state: {text_of(error)}"
        else:
            self._problem = ""

    def _write_health(self) -> None:
        if self._settings.health_file is not None:
            tree = self.status()
            health = {name: tree[name] for name in ("healthy", "updated", "problem")}
            states = {each["name"]: each["state"] for each in tree["certificates"]}
            with new_file(self._settings.health_file, force=True, private=False) as file:
                file.write(json.dumps({**health, "certificates": states}).encode() + b"\n")


async def serve(settings: AgentSettings) -> None:
    """Run the agent until SIGTERM or SIGINT. Raises OSError, ValueError for the connection, and AlreadyRunningError."""
    with _locked(settings.state_directory):
        token = None if settings.token_file is None else _token_of(settings.token_file)
        async with aio.connect(**settings.connection, token=token) as client:
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop.set)
            agent = Agent(settings, GatewaySource(client), client.watch_certificates)
            _log.info("started; certificates: %s", ", ".join(each.managed.name for each in agent.keepers))
            await agent.run(stop)
            _log.info("stopped")


def _token_of(path: Path) -> Callable[[], str]:
    """Return a function that reads the token for each call, because another program may renew it."""
    return lambda: path.read_text(encoding="utf-8-sig", errors="replace").strip()


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"another agent uses the state directory {directory}") from None
        yield
    finally:
        os.close(descriptor)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
