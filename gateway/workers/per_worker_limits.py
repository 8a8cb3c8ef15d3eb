"""Division of the configured limits among the workers."""

import math

from gateway.authz.settings import CallerLimits, LimitSettings
from gateway.gateway_settings import GatewaySettings


def per_worker_settings(settings: GatewaySettings, address: str, sds_address: str = "") -> GatewaySettings:
    """Return the settings of one worker. The supervisor serves health.

    address, sds_address: the shared ports; the second one counts only if it is configured.
    """
    limits = _limits(settings.limits, settings.workers)
    connections = math.ceil(settings.maximum_connections / settings.workers)
    own: dict[str, object] = {
        "listen": address,
        "health_listen": None,
        "limits": limits,
        "maximum_connections": connections,
    }
    if settings.envoy_sds is not None:
        own["envoy_sds"] = settings.envoy_sds.model_copy(update={"listen": sds_address})
    return settings.model_copy(update=own)


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
