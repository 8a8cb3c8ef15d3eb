"""One worker's share of a configuration that speaks of the whole gateway."""

import math

from gateway.authz.settings import CallerLimits, LimitSettings
from gateway.gateway_settings import GatewaySettings


def share(settings: GatewaySettings, address: str) -> GatewaySettings:
    """What a worker is told. address: the port that all of them listen on; health is the supervisor's to serve."""
    limits = _limits(settings.limits, settings.workers)
    return settings.model_copy(update={"listen": address, "health_listen": None, "limits": limits})


def _limits(limits: LimitSettings, workers: int) -> LimitSettings:
    """Together the workers allow what is configured: none knows of another's calls."""
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
