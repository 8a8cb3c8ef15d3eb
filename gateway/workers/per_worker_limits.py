"""Division of the configured limits among the workers."""

import math

from gateway.authz.settings import CallerLimits, LimitSettings
from gateway.gateway_settings import GatewaySettings


def per_worker_settings(settings: GatewaySettings, address: str) -> GatewaySettings:
    """Return the settings of one worker. address: the shared port. The supervisor serves health."""
    limits = _limits(settings.limits, settings.workers)
    return settings.model_copy(update={"listen": address, "health_listen": None, "limits": limits})


def _limits(limits: LimitSettings, workers: int) -> LimitSettings:
    """Divide the limits by the number of workers, because workers do not know each other's calls."""
    return limits.model_copy(
        update={
            "server_concurrency": math.ceil(limits.server_concurrency / workers),
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
        }
    )
