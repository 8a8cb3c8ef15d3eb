"""Warnings about a valid configuration: settings that are risky or probably a mistake."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from gateway.audit_query.settings import AuditSection
from gateway.config import grpc_listener
from gateway.config.base import is_loopback, listen_address
from gateway.gateway_settings import GatewaySettings
from gateway.journal.settings import AuditSettings

_SHORT_INTERVAL: Final = 1.0
"""Seconds between checkpoints that draw no warning."""


def warnings_of(settings: GatewaySettings) -> list[str]:
    """Return the warnings; each names the key that it is about."""
    return [
        *_general(settings),
        *_journal(settings.audit),
        *_queries(settings.audit),
        *_plaintext(settings),
        *_scraping(settings),
    ]


def _general(settings: GatewaySettings) -> Iterator[str]:
    if not settings.providers:
        yield "providers: no providers are configured"
    if settings.identity is None:
        yield "identity: callers are not authenticated; every program on this machine can make every call"
    if settings.record_upstream_text:
        yield "record_upstream_text: records and spans can contain secrets that an upstream repeats; for debugging only"
    if grpc_listener.is_unsafe(settings.model_dump(include=set(grpc_listener.KEYS))):
        yield "grpc_listener: with iomgr, an unauthenticated peer can block the gateway with HTTP/2 frames; use auto"


def _journal(audit: AuditSettings | None) -> Iterator[str]:
    if audit is None:
        yield "audit: no journal is configured; calls are not recorded"
        return
    if audit.durability == "os":
        yield "audit.durability: os can lose the last records in a power failure"
    if audit.remove_unshipped:
        yield "audit.remove_unshipped: retention removes records that were not shipped; no other copy of them exists"
    elif audit.ship is None:
        yield "audit.ship: records are not shipped, so none are removed, and calls are rejected when the disk is full"
    if audit.checkpoint_interval > _SHORT_INTERVAL:
        yield (
            f"audit.checkpoint_interval: up to {audit.checkpoint_interval:g} s of records are unsigned; somebody who "
            "can write to the directory and stop the gateway can change them"
        )
    key = audit.signing_key_file
    if key is None or key.resolve().is_relative_to(audit.directory.resolve()):
        yield (
            "audit.signing_key_file: the signing key is in the journal directory, so a program that can change records "
            "can also sign them"
        )


def _queries(audit: AuditSection | None) -> Iterator[str]:
    if audit is not None and audit.query is not None and audit.query.central is not None and audit.ship is None:
        yield "audit.query.central: audit.ship is not configured, so the store lacks the records of this gateway"


def _plaintext(settings: GatewaySettings) -> Iterator[str]:
    endpoints = {f"providers[{index}].endpoint": each.endpoint for index, each in enumerate(settings.providers)}
    if settings.audit is not None and settings.audit.ship is not None:
        endpoints["audit.ship.endpoint"] = settings.audit.ship.endpoint
    if settings.telemetry is not None and settings.telemetry.endpoint is not None:
        endpoints["telemetry.endpoint"] = settings.telemetry.endpoint
    for key, endpoint in endpoints.items():
        if _is_plaintext(endpoint):
            yield f"{key}: {endpoint} is plaintext and not on this machine; use https://"


def _scraping(settings: GatewaySettings) -> Iterator[str]:
    listen = settings.telemetry.prometheus_listen if settings.telemetry is not None else None
    address = listen_address(listen) if listen is not None else None
    if address is not None and not is_loopback(address[0]):
        yield (
            f"telemetry.prometheus_listen: every peer that can reach {listen} sees the names of certificates, without "
            "encryption; use 127.0.0.1, or restrict access to the port"
        )


def _is_plaintext(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
