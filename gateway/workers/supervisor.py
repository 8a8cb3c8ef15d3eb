"""The supervisor: reserves the port, runs the workers and what they share, and reloads the configuration on SIGHUP.

The supervisor serves no calls. Each worker has its own journal chain, by its number. A worker that is being replaced
still writes to its chain while its successor starts, so there is one chain more than workers.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

import structlog

from gateway.audit import events
from gateway.config.base import ConfigError
from gateway.config.load_state import LoadState
from gateway.config.reload import restart_values
from gateway.gateway_settings import GatewaySettings, LogSettings
from gateway.journal.errors import JournalCorrupt
from gateway.journal.write.idle_chains import IdleChains
from gateway.journal_processes import JournalProcesses
from gateway.server.transport.listener import ListenError
from gateway.server.transport.port import Reservation
from gateway.surface_settings import SURFACES
from gateway.workers.endpoints import Health, prometheus
from gateway.workers.errors import StartFailed
from gateway.workers.group import Group
from gateway.workers.messages import Assignment
from gateway.workers.per_worker_limits import per_worker_settings
from gateway.workers.process import WorkerEvents
from gateway.workers.shared_state import SharedState

_MARGIN_SECONDS: Final = 20.0
"""Seconds for the shutdown of a worker beside the drain: last responses, logout, journal, telemetry."""

_log = structlog.get_logger(__name__)


class Supervisor:
    """A gateway with several workers.

    load: loads the configuration again; raises ConfigError. log: returns the log settings of a configuration.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        load: Callable[[], GatewaySettings],
        log: Callable[[GatewaySettings], LogSettings],
    ) -> None:
        self._settings = settings
        self._load = load
        self._log = log
        self._surfaces: dict[str, str] = {}
        self._group: Group | None = None
        self._processes = JournalProcesses()
        self._load_state = LoadState()

    def kill(self) -> None:
        """Kill all workers immediately."""
        if self._group is not None:
            self._group.kill()

    async def run(self, stop: asyncio.Event, announce: Callable[[str], None]) -> None:
        """Serve until `stop` is set, then drain. announce: called with the address when all workers serve.

        Raises StartFailed, and the other errors of a start.
        """
        hangup = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
        async with contextlib.AsyncExitStack() as stack:
            address = _reserved(self._settings.listen, stack)
            configured = {name: getattr(self._settings, name) for name in SURFACES}
            self._surfaces = {name: _reserved(each.listen, stack) for name, each in configured.items() if each}
            chains = await self._journal(stack)
            health, shared = Health(), SharedState()
            assign = partial(self._assignment, self._settings, address)
            events = WorkerEvents(
                health.changed,
                shared.reported,
                lambda worker, message: shared.relay.received(worker, message, lambda: group.workers),
                lambda worker, report: shared.deliveries.received(worker, report, lambda: group.workers),
            )
            group = self._group = Group(self._settings.workers, assign, chains, events)
            stack.callback(asyncio.create_task(shared.share(lambda: group.workers)).cancel)
            await self._endpoints(group, health, shared, stack)
            stack.push_async_callback(
                self._stop, group, health
            )  # runs first, so that probes are served during the drain
            if await _completed_before(stop, group.start()):
                _log.info("workers_serving", address=address, workers=self._settings.workers)
                announce(address)
            while not stop.is_set() and await _completed_before(stop, hangup.wait()):
                hangup.clear()
                await _completed_before(stop, self._reload(group, address, chains))
        _log.info("all_workers_stopped")

    def _assignment(self, settings: GatewaySettings, address: str, number: int) -> Assignment:
        return Assignment(number, per_worker_settings(settings, address, self._surfaces), self._log(settings))

    async def _journal(self, stack: contextlib.AsyncExitStack) -> IdleChains | None:
        """Start the child processes for the journal, and lock the chains that no worker uses."""
        audit = self._settings.audit
        if audit is None:
            return None
        stack.push_async_callback(self._processes.close)
        await self._processes.configure(audit, self._log(self._settings))
        chains = IdleChains(audit, events.unknown_outcome)
        stack.push_async_callback(chains.close)
        await chains.hold(range(self._settings.workers))
        return chains

    async def _endpoints(
        self, group: Group, health: Health, shared: SharedState, stack: contextlib.AsyncExitStack
    ) -> None:
        if self._settings.health_listen is not None:
            await stack.enter_async_context(health.served(self._settings.health_listen, lambda: group.available))
        telemetry = self._settings.telemetry
        if telemetry is not None and telemetry.prometheus_listen is not None:
            await stack.enter_async_context(prometheus(telemetry.prometheus_listen, group, shared, self._load_state))

    async def _reload(self, group: Group, address: str, chains: IdleChains | None) -> None:
        """Load the configuration and replace the workers; keep the current configuration if that fails."""
        _log.info("reloading")
        try:
            settings = self._load()
            check_restart_settings(self._settings, settings)
            await group.replace_all(partial(self._assignment, settings, address), _shutdown_seconds(self._settings))
        except (ConfigError, StartFailed, OSError) as error:
            self._load_state.fail()
            _log.error("reload_rejected", error=str(error), effect="the current configuration stays in use")
            return
        self._settings = settings
        self._load_state.succeed()
        await self._processes.configure(settings.audit, self._log(settings))
        if chains is not None and settings.audit is not None:
            chains.configure(settings.audit)
            await _hold(chains, group)
        _log.info("reloaded")

    async def _stop(self, group: Group, health: Health) -> None:
        health.drain()
        await group.stop(_shutdown_seconds(self._settings))


def _reserved(listen: str, stack: contextlib.AsyncExitStack) -> str:
    try:
        return stack.enter_context(Reservation(listen)).address
    except OSError as error:
        raise ListenError(f"cannot listen on {listen}: is port {listen.rpartition(':')[2]} already in use?") from error


async def _hold(chains: IdleChains, group: Group) -> None:
    """Hold the unused chains. Problems with an unused chain do not stop the workers."""
    try:
        await chains.hold(group.numbers)
    except (JournalCorrupt, ConfigError, OSError) as error:
        _log.error("audit_unused_chain_failed", error=str(error))


def _shutdown_seconds(settings: GatewaySettings) -> float:
    """Return the seconds that a worker has to end."""
    return settings.drain_delay + settings.drain_timeout + _MARGIN_SECONDS


def check_restart_settings(old: GatewaySettings, new: GatewaySettings) -> None:
    """Raise ConfigError if a setting has changed that only a restart changes."""
    before, after = restart_values(old), restart_values(new)
    if different := [key for key in {**before, **after} if before.get(key) != after.get(key)]:
        raise ConfigError("\n".join(f"{key}: cannot be changed without a restart" for key in different))


async def _completed_before(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Run `work` until it ends or `stop` is set. Return whether it completed before the stop."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
        return False
    await working
    return not stop.is_set()
