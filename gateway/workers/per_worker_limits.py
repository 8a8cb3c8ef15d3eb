"""Division of the configured limits among the workers."""

import math
from collections.abc import Mapping

from gateway.authz.settings import CallerLimits, LimitSettings
from gateway.gateway_settings import GatewaySettings
from gateway.surface_settings import SurfaceSettings, VaultApiSettings


def per_worker_settings(
    settings: GatewaySettings, address: str, surfaces: Mapping[str, str] | None = None
) -> GatewaySettings:
    """Return the settings of one worker. The supervisor serves health.

    address: the shared port. surfaces: those of the configured surfaces, by section.
    """
    limits = _limits(settings.limits, settings.workers)
    connections = math.ceil(settings.maximum_connections / settings.workers)
    own: dict[str, object] = {
        "listen": address,
        "health_listen": None,
        "limits": limits,
        "maximum_connections": connections,
    }
    for section, shared in (surfaces or {}).items():
        if (surface := getattr(settings, section)) is not None:
            own[section] = _surface(surface, shared, settings.workers)
    return settings.model_copy(update=own)


def _surface(settings: SurfaceSettings, address: str, workers: int) -> SurfaceSettings:
    update: dict[str, object] = {"listen": address}
    if isinstance(settings, VaultApiSettings):
        update["maximum_connections"] = math.ceil(settings.maximum_connections / workers)
    return settings.model_copy(update=update)


def _limits(limits: LimitSettings, workers: int) -> LimitSettings:
    """Divide the limits by the number of workers, because workers do not know each other's calls."""
    return limits.model_copy(
        update={
            "server_concurrency": math.ceil(limits.server_concurrency / workers),
            "server_streams": math.ceil(limits.server_streams / workers),
            "caller": _caller(limits.caller, workers),
            "callers": {caller: _caller(own, workers) for caller, own in limits.callers.items()},
        }
    )


def _caller(limits: CallerLimits, workers: int) -> CallerLimits:
    return limits.model_copy(
        update={
            "rate": limits.rate / workers,
            "burst": math.ceil(limits.burst / workers),
            "concurrency": math.ceil(limits.concurrency / workers),
            "streams": math.ceil(limits.streams / workers),
        }
    )
