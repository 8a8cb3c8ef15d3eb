"""Summary of a configuration: what the gateway serves, its addresses, and its callers. Contains no secret."""

from collections.abc import Iterator
from typing import Any, Final

from gateway.audit_query.settings import AuditSection
from gateway.gateway_settings import GatewaySettings
from gateway.identity.settings import IdentitySettings
from gateway.telemetry.settings import TelemetrySettings

Summary = dict[str, Any]

_QUERIES: Final = {
    None: "disabled (no audit.query)",
    "local": "answered from an index of the journal",
    "central": "answered from the central store",
}
"""What answers audit queries, by `audit.query.source`."""


def summary_of(settings: GatewaySettings) -> Summary:
    """Return the summary as JSON data."""
    return {
        "listen": settings.listen,
        "tls": settings.identity is not None,
        "health_listen": settings.health_listen,
        "envoy_sds": _envoy_sds(settings),
        "vault_api": _vault_api(settings),
        "prometheus_listen": settings.telemetry.prometheus_listen if settings.telemetry is not None else None,
        "workers": settings.workers,
        "identity": _identity(settings.identity),
        "policy_files": [str(path) for path in settings.policy.policy_files] if settings.policy is not None else [],
        "journal": _journal(settings.audit),
        "telemetry": _telemetry(settings.telemetry),
        "providers": [
            {
                "id": provider.id,
                "type": provider.type,
                "api_version": getattr(provider, "api_version", None),
                "endpoint": provider.endpoint,
            }
            for provider in settings.providers
        ],
    }


def summary_lines(summary: Summary) -> Iterator[str]:
    """Yield the summary in lines for people."""
    journal, telemetry = summary["journal"], summary["telemetry"]
    rows = {
        "listen": f"{summary['listen']} ({'TLS' if summary['tls'] else 'plaintext'})",
        "health": summary["health_listen"] or "on the same port",
        "metrics": summary["prometheus_listen"] or "not scraped",
        "envoy sds": ", ".join(summary["envoy_sds"]) or "not served",
        "vault api": summary["vault_api"] or "not served",
        "workers": summary["workers"],
        "identity": summary["identity"] or "none",
        "policy": ", ".join(summary["policy_files"]) or "none",
        "journal": f"{journal['directory']} ({journal['durability']}, {_shipping(journal)})" if journal else "none",
        "queries": _QUERIES[journal["query"] if journal else None],
        "otlp": f"{', '.join(telemetry['signals'])} to {telemetry['endpoint']}" if telemetry else "none",
        "providers": len(summary["providers"]) or "none",
    }
    for name, value in rows.items():
        yield f"  {name + ':':<11}{value}"
    for provider in summary["providers"]:
        version = f" {provider['api_version']}" if provider["api_version"] else ""
        yield f"    {provider['id']}: {provider['type']}{version} at {provider['endpoint']}"


def _envoy_sds(settings: GatewaySettings) -> list[str]:
    sds = settings.envoy_sds
    if sds is None:
        return []
    is_encrypted = (sds.identity or settings.identity) is not None
    places = [f"{sds.listen} ({'TLS' if is_encrypted else 'plaintext'})"]
    return places if sds.unix_socket is None else [*places, f"unix:{sds.unix_socket}"]


def _vault_api(settings: GatewaySettings) -> str | None:
    api = settings.vault_api
    if api is None:
        return None
    is_encrypted = (api.identity or settings.identity) is not None
    return f"{api.listen} ({'TLS' if is_encrypted else 'plaintext'})"


def _identity(identity: IdentitySettings | None) -> str | None:
    if identity is None:
        return None
    return f"jwt of {identity.jwt.issuer}" if identity.jwt is not None else "mtls"


def _journal(audit: AuditSection | None) -> Summary | None:
    if audit is None:
        return None
    ship = audit.ship.endpoint if audit.ship is not None else None
    return {
        "directory": str(audit.directory),
        "durability": audit.durability,
        "ship": ship,
        "query": audit.query.source if audit.query is not None else None,
        "retention": audit.retention if ship is not None or audit.remove_unshipped else None,
    }


def _telemetry(telemetry: TelemetrySettings | None) -> Summary | None:
    if telemetry is None or telemetry.endpoint is None:
        return None
    signals = {"traces": telemetry.traces, "metrics": telemetry.metrics, "logs": telemetry.logs or None}
    return {"endpoint": telemetry.endpoint, "signals": [name for name, value in signals.items() if value is not None]}


def _shipping(journal: Summary) -> str:
    ship = f"shipped to {journal['ship']}" if journal["ship"] is not None else "not shipped"
    kept = journal["retention"]
    return f"{ship}, kept for {kept / 86_400:g} days" if kept is not None else ship
