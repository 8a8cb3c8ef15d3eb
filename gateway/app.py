"""Composition root: puts configuration, guards, providers and the server together, and ends them in order.

The only module that sees all of the gateway. Nothing imports it but what is run: the command line, and the workers.
Parts that need a large library are imported only if the configuration has them.
"""

import asyncio
import contextlib
import gc
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from gateway import __version__, gateway_settings, metrics_bindings
from gateway.audit import events
from gateway.audit.description import Describer
from gateway.audit_query.settings import AuditSection
from gateway.audit_query.sources import create_source
from gateway.audit_query.verification import JournalVerifier
from gateway.config.load_state import LoadState
from gateway.gateway_settings import GatewaySettings
from gateway.journal.errors import JournalUnavailable
from gateway.journal.write.entries import EventEntry
from gateway.journal.write.idle_chains import IdleChains
from gateway.journal.write.journal import Journal
from gateway.journal_processes import JournalProcesses
from gateway.polling import certificates_polled
from gateway.providers.catalog import SETTINGS, Catalog
from gateway.redaction import PROCESS_DIGEST, KeyedDigest, Redaction
from gateway.server.audit_recorder import AuditRecorder, rejected_calls_tarpit
from gateway.server.authenticators import Authenticator, authenticator
from gateway.server.authorizer import Authorizer
from gateway.server.gateway_server import GatewayServer
from gateway.server.interceptors.interceptor import InterceptorDependencies
from gateway.server.merging_recorder import MergingRecorder
from gateway.server.rate_limiter import RateLimiter
from gateway.server.rejections import Rejections
from gateway.server.repetitions import Repetitions
from gateway.server.services.audit_service import AuditBackend
from gateway.server.services.query_slots import QuerySlots
from gateway.surfaces.serving import surfaces_served
from gateway.telemetry.event_loop import EventLoopLag
from gateway.telemetry.setup import Telemetry
from gateway.watch.exchange import WatchExchange

if TYPE_CHECKING:
    from gateway.authz.engine import PolicyEngine

_OBJECTS_BETWEEN_COLLECTIONS: Final = 3_000

_log = structlog.get_logger(__name__)


def load_config(path: Path, **overrides: object) -> GatewaySettings:
    """Return the settings in a file, with its files checked; raise ConfigError. overrides: top-level values."""
    return gateway_settings.load(path, SETTINGS, overrides)


@dataclass(frozen=True, slots=True)
class WorkerRole:
    """The role of a gateway that is one of several workers on a port. The supervisor runs what the workers share.

    number: the number of its journal chain. report: called with the availability of the worker, first when it serves.
    poll: returns when this worker must begin to poll the providers, which one worker does for all.
    exchange: of messages about watched certificates with the other workers.
    """

    number: int
    report: Callable[[bool], None]
    poll: Callable[[], Awaitable[object]]
    exchange: WatchExchange


@contextlib.asynccontextmanager
async def gateway(settings: GatewaySettings, role: WorkerRole | None = None) -> AsyncIterator[GatewayServer]:
    """Run a gateway. At exit it drains, logs out of its providers, and closes the journal.

    role: None for a gateway of a single process.
    """
    async with contextlib.AsyncExitStack() as stack:
        telemetry = await _telemetry(settings, role, stack)
        journal = await _journal(settings, telemetry, role, stack)
        catalog = Catalog.of(settings.providers)
        if telemetry is not None and telemetry.metrics is not None:
            metrics_bindings.providers(catalog, telemetry.metrics)
        redaction = _redaction(settings, journal)
        recorders = _audit_recorders(journal, redaction, stack) if journal is not None else None
        engine = _policy_engine(settings, stack)
        callers = authenticator(settings.identity)
        dependencies = InterceptorDependencies(
            authenticator=callers,
            authorizer=Authorizer(engine, [provider.id for provider in catalog]) if engine is not None else None,
            rate_limiter=RateLimiter(settings.limits),
            audit_recorder=recorders[0] if recorders is not None else None,
            merging_recorder=recorders[1] if recorders is not None else None,
            telemetry=telemetry,
            redaction=redaction,
            providers=frozenset(provider.id for provider in catalog),
        )
        backend = _audit_backend(settings.audit, journal, stack)
        number = role.number if role is not None else None
        exchange = role.exchange if role is not None else WatchExchange()
        server = GatewayServer(settings, catalog, dependencies, backend, exchange.replica, worker=number)
        stack.push_async_callback(catalog.close)
        await catalog.start()
        stack.callback(asyncio.create_task(server.provider_states.follow()).cancel)
        if journal is not None:
            _report_to_health(journal, server)
        await server.start(available=journal is None or journal.available)
        stack.push_async_callback(server.drain)
        if server.metrics is not None and role is None:
            metrics_bindings.breakers(catalog, server.metrics)
        _reload_metrics(engine, callers, server, role)
        begin = role.poll if role is not None else None
        await stack.enter_async_context(certificates_polled(settings, catalog, server, exchange.publisher, begin=begin))
        surfaces = surfaces_served(settings, dependencies, server, shared_port=role is not None)
        await stack.enter_async_context(surfaces)
        if role is not None:
            _report_to_supervisor(journal, role)
        _warn_about_missing_sections(settings)
        _log.info("serving", address=server.address, providers=[provider.id for provider in catalog])
        yield server
    _log.info("stopped")


async def _telemetry(
    settings: GatewaySettings, role: WorkerRole | None, stack: contextlib.AsyncExitStack
) -> Telemetry | None:
    if settings.telemetry is None:
        return None
    instance = f"{socket.gethostname()}-{os.getpid()}"
    telemetry = Telemetry.start(settings.telemetry, __version__, instance, listen=role is None)
    stack.push_async_callback(telemetry.close)
    if telemetry.metrics is not None:
        lag = EventLoopLag()
        stack.callback(lag.close)
        metrics_bindings.process(lag, telemetry.metrics)
    return telemetry


async def _journal(
    settings: GatewaySettings, telemetry: Telemetry | None, role: WorkerRole | None, stack: contextlib.AsyncExitStack
) -> Journal | None:
    """Open the journal, and start the processes that it needs. None without `audit`."""
    audit = settings.audit
    if audit is None:
        return None
    if role is None:
        processes = JournalProcesses()
        stack.push_async_callback(processes.close)
        await processes.configure(audit, settings.log)
    number = role.number if role is not None else 0
    journal = await Journal.open(audit, number, unknown_outcome=events.unknown_outcome)
    stack.push_async_callback(journal.close)
    if role is None:
        idle = IdleChains(audit, events.unknown_outcome)
        stack.push_async_callback(idle.close)
        await idle.hold({number})
    if telemetry is not None and telemetry.metrics is not None:
        metrics_bindings.journal(journal, audit, telemetry.metrics, alone=role is None)
    return journal


def _audit_backend(
    audit: AuditSection | None, journal: Journal | None, stack: contextlib.AsyncExitStack
) -> AuditBackend | None:
    """Return the dependencies of AuditService; None if `audit.query` is not configured."""
    if audit is None or audit.query is None or journal is None:
        return None
    slots = QuerySlots(audit.index_directory, audit.query.timeout)
    stack.callback(slots.close)
    verifier = JournalVerifier(audit, lambda: journal.public_key)
    stack.push_async_callback(verifier.close)
    source = create_source(audit, audit.query)
    stack.push_async_callback(source.close)
    return AuditBackend(audit, journal, source, slots, verifier)


def _policy_engine(settings: GatewaySettings, stack: contextlib.AsyncExitStack) -> "PolicyEngine | None":
    if settings.policy is None:
        return None
    from gateway.authz.engine import PolicyEngine  # noqa: PLC0415 - see the module's docstring

    engine = PolicyEngine.load(settings.policy)
    reload_task = asyncio.create_task(engine.follow())
    stack.callback(reload_task.cancel)
    return engine


def _reload_metrics(
    engine: "PolicyEngine | None", callers: Authenticator, server: GatewayServer, role: WorkerRole | None
) -> None:
    """Register the results of loading files. The supervisor of workers has that of the configuration."""
    if server.metrics is None:
        return
    states = dict(callers.load_states)
    if role is None:
        states["configuration"] = LoadState()
    if engine is not None:
        states["policy"] = engine.load_state
    if server.tls is not None:
        states["tls"] = server.tls.load_state
    metrics_bindings.reloads(states, server.tls, server.metrics)


def _redaction(settings: GatewaySettings, journal: Journal | None) -> Redaction:
    """Return how upstream text is recorded. With a journal, its digests and those of secret values are comparable."""
    digest = KeyedDigest(lambda: journal.digest_key) if journal is not None else PROCESS_DIGEST
    return Redaction(digest, keep_text=settings.record_upstream_text)


def _audit_recorders(
    journal: Journal, redaction: Redaction, stack: contextlib.AsyncExitStack
) -> tuple[AuditRecorder, MergingRecorder]:
    """Return the usual recorder, and the recorder for methods whose repetitions are recorded together."""

    def append(body: bytes) -> None:
        journal.append(EventEntry(body))

    rejections = Rejections(append, JournalUnavailable)
    stack.callback(rejections.flush)
    repetitions = Repetitions(append, JournalUnavailable)
    stack.callback(repetitions.flush)
    describer, tarpit = Describer(redaction), rejected_calls_tarpit()
    recorder = AuditRecorder(journal, describer, rejections, tarpit)
    return recorder, MergingRecorder(journal, describer, rejections, tarpit, repetitions)


def _report_to_health(journal: Journal, server: GatewayServer) -> None:
    journal.on_availability(lambda available: server.report_health(available=available))


def _report_to_supervisor(journal: Journal | None, role: WorkerRole) -> None:
    role.report(journal is None or journal.available)
    if journal is not None:
        journal.on_availability(role.report)


def _warn_about_missing_sections(settings: GatewaySettings) -> None:
    if not settings.providers:
        _log.warning("no_providers_configured")
    if settings.identity is None:
        _log.warning("callers_not_authenticated", detail="every program on this machine can make every call")
    if settings.record_upstream_text:
        _log.warning("upstream_text_recorded", detail="records and spans can contain secrets that an upstream repeats")
    if settings.audit is None:
        _log.warning("no_journal_configured", detail="calls are not recorded")
    elif settings.audit.durability == "os":
        _log.warning("journal_not_synced", detail="with audit.durability os, a power failure can lose the last records")


def freeze_startup_objects() -> None:
    """Freeze start-up objects out of garbage collection, for a process that only serves.

    gRPC leaves some reference cycles per call. Each collection over several hundred calls takes about 2 ms, in which no
    other call proceeds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
