"""Root of the configuration: composes the settings of all sections, and loads them from one YAML file.

Each section is defined next to the code that it configures. `gateway/config/` holds the machinery: loading, secret
references, and messages.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from gateway import file_checks
from gateway.audit_query.settings import AuditSection
from gateway.authz.settings import LimitSettings, PolicySettings
from gateway.config.base import RESTART, Settings, is_loopback, listen_address
from gateway.config.grpc_listener import DEFAULT_LISTEN, GrpcListener
from gateway.config.loading import Document, validate
from gateway.config.problems import Problems
from gateway.config.secret_references import resolve
from gateway.identity.settings import IdentitySettings
from gateway.providers.base.settings import ProviderSettings
from gateway.surface_settings import EnvoySdsSettings, VaultApiSettings, checked_surface
from gateway.telemetry.settings import TelemetrySettings

ProviderTypes = Mapping[str, type[ProviderSettings]]
"""Settings class of each provider type."""


class LogSettings(Settings):
    """The log on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Minimum log level.")
    format: Literal["json", "console"] = Field(
        default="json", description="json: one JSON object per line. console: colored text for people."
    )


class GatewaySettings(Settings):
    """The whole configuration."""

    # The validators of later fields read the values of earlier ones: `identity` comes first.
    identity: IdentitySettings | None = Field(
        default=None, description="How callers authenticate. Requires policy. Default: callers are not authenticated."
    )
    policy: PolicySettings | None = Field(
        default=None, validate_default=True, description="What each caller is permitted to do. Requires identity."
    )
    listen: str = Field(
        default=DEFAULT_LISTEN,
        description=(
            "HOST:PORT on which the gateway listens. Port 0 selects a free port. Without identity, only a loopback "
            "address is accepted."
        ),
        json_schema_extra=RESTART,
    )
    health_listen: str | None = Field(
        default=None,
        description=(
            "HOST:PORT of a plaintext listener for probes. It serves only grpc.health.v1.Health, without "
            "authentication. Default: health is served on listen only."
        ),
        json_schema_extra=RESTART,
    )
    grpc_listener: GrpcListener = Field(
        default="auto",
        description=(
            "The listener implementation of gRPC. iomgr uses less CPU time per call than event_engine, but one peer "
            "can block it with a flood of HTTP/2 frames. auto selects iomgr if only peers with a client certificate, "
            "or (without identity) programs on this machine, can connect to listen and health_listen. Otherwise, auto "
            "selects event_engine."
        ),
    )
    providers: tuple[ProviderSettings, ...] = Field(
        default=(), description="The upstreams. The keys of a provider depend on its type."
    )
    default_deadline: float = Field(
        default=30.0, gt=0, le=3600, description="Deadline of a call for which the caller set none, in seconds."
    )
    maximum_connection_age: float = Field(
        default=3600.0,
        ge=1,
        le=86_400,
        description=(
            "Maximum age of a client connection, in seconds. The gateway then asks the client to reconnect, so that "
            "the client presents its certificate again and discovers new gateways. Calls in progress continue."
        ),
    )
    maximum_message_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=64 * 1024,
        le=16 * 1024 * 1024,
        description=(
            "Maximum size of a request message in bytes. Large imports and batches can need more than the default. "
            "Unauthenticated peers of the health service can make the gateway keep 16 messages of this size in memory."
        ),
    )
    maximum_connections: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description=(
            "Maximum number of connections to listen, divided among the workers. Further connections are closed. Each "
            "needs one of the open files that the system permits, and about 50 KB of memory."
        ),
    )
    drain_delay: float = Field(
        default=2.0,
        ge=0,
        le=600,
        description=(
            "Seconds between the health status NOT_SERVING and the rejection of new calls, so that load balancers and "
            "clients can switch to another gateway."
        ),
    )
    drain_timeout: float = Field(
        default=30.0, ge=0, le=3600, description="Seconds that calls in progress have to finish after drain_delay."
    )
    batch_concurrency: int = Field(
        default=32, ge=1, le=1000, description="Maximum number of items of one batch in progress."
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Number of worker processes. If it is greater than 1, a supervisor manages them (docs/scaling.md).",
        json_schema_extra=RESTART,
    )
    limits: LimitSettings = Field(default=LimitSettings(), description="Concurrency and rate limits.")
    audit: AuditSection | None = Field(default=None, description="The audit journal. Default: calls are not recorded.")
    telemetry: TelemetrySettings | None = Field(
        default=None, description="Export of traces, metrics and logs. Default: nothing is exported."
    )
    record_upstream_text: bool = Field(
        default=False,
        description=(
            "For debugging only. Records and spans keep the text of upstreams, instead of its length and a keyed "
            "digest. Known secrets are masked, but an upstream can repeat a secret in a form that is not recognized."
        ),
    )
    envoy_sds: EnvoySdsSettings | None = Field(
        default=None, description="Secret Discovery Service for Envoy (docs/envoy-sds.md). Default: not served."
    )
    vault_api: VaultApiSettings | None = Field(
        default=None, description="Part of Vault's HTTP API (docs/vault-api.md). Default: not served."
    )
    log: LogSettings = Field(default=LogSettings(), description="Level and format of the log.")

    @field_validator("listen", "health_listen")
    @classmethod
    def _valid_address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if (address := listen_address(value)) is None:
            raise ValueError("must be HOST:PORT, with a port of at most 65535, and an IPv6 address in brackets")
        loopback = is_loopback(address[0])
        if info.field_name == "listen" and not loopback and info.data.get("identity", ...) is None:
            raise ValueError("must be a loopback address, because `identity` is not configured")
        return value

    _listener_with_identity = field_validator("envoy_sds", "vault_api")(checked_surface)

    def model_post_init(self, _context: Any) -> None:
        """Reject a Unix socket for several workers: they cannot share it."""
        if self.workers > 1 and self.envoy_sds is not None and self.envoy_sds.unix_socket is not None:
            raise ValueError("envoy_sds.unix_socket requires workers: 1")

    @field_validator("policy")
    @classmethod
    def _with_identity(cls, value: PolicySettings | None, info: ValidationInfo) -> PolicySettings | None:
        if "identity" in info.data and (value is None) != (info.data["identity"] is None):
            raise ValueError("`identity` requires `policy`" if value is None else "`policy` requires `identity`")
        return value


def load(path: Path, provider_types: ProviderTypes, overrides: Mapping[str, object] | None = None) -> GatewaySettings:
    """Return the settings in a YAML file, and check the files that it names. Raise ConfigError with every problem.

    overrides: top-level values.
    """
    document, changed = Document(path), dict(overrides or {})
    tree = {**document.tree, **changed} if isinstance(document.tree, dict) else document.tree
    problems = Problems(lambda place, at_key: "" if place and place[0] in changed else document.position(place, at_key))
    resolved = _resolve(tree, path.parent, problems)
    settings = _parse(resolved, provider_types, path.parent, problems)
    file_checks.check(resolved, provider_types, path.parent, problems)
    return _valid(settings, problems)


def parse(data: object, provider_types: ProviderTypes, *, base: Path = Path()) -> GatewaySettings:
    """Return the settings in a tree of plain values; raise ConfigError. Relative paths start at `base`.

    The files that the settings name are not checked.
    """
    problems = Problems()
    settings = _parse(_resolve(data, base, problems), provider_types, base, problems)
    return _valid(settings, problems)


def _valid(settings: GatewaySettings | None, problems: Problems) -> GatewaySettings:
    if problems or settings is None:
        raise problems.error()
    return settings


def _resolve(data: object, base: Path, problems: Problems) -> Mapping[str, object]:
    _reject_references_as_types(data, problems)
    tree = resolve(data, base, problems)
    if isinstance(tree, dict):
        return tree
    problems.add((), "must be a mapping")
    return {}


def _reject_references_as_types(data: object, problems: Problems) -> None:
    """Add a problem for each provider whose type is a secret reference: the schema selects the keys by the type."""
    providers = data.get("providers") if isinstance(data, dict) else None
    for index, item in enumerate(providers if isinstance(providers, list) else ()):
        if isinstance(item, dict) and isinstance(item.get("type"), dict):
            problems.add(("providers", index, "type"), "must be the name of a type, not a reference")


def _parse(
    tree: Mapping[str, object], provider_types: ProviderTypes, base: Path, problems: Problems
) -> GatewaySettings | None:
    providers = _parse_providers(tree.get("providers"), provider_types, problems, base)
    return validate(GatewaySettings, {**tree, "providers": providers}, (), problems, base)


def _parse_providers(
    items: object, provider_types: ProviderTypes, problems: Problems, base: Path
) -> tuple[ProviderSettings, ...]:
    if items is None:
        return ()
    if not isinstance(items, list):
        problems.add(("providers",), "must be a list")
        return ()
    parsed: dict[str, ProviderSettings] = {}
    for index, item in enumerate(items):
        provider = _parse_provider(item, index, provider_types, problems, base)
        if provider is None:
            continue
        if provider.id in parsed:
            problems.add(("providers", index, "id"), "another provider has this id")
        parsed[provider.id] = provider
    return tuple(parsed.values())


def _parse_provider(
    item: object, index: int, provider_types: ProviderTypes, problems: Problems, base: Path
) -> ProviderSettings | None:
    place = ("providers", index)
    if not isinstance(item, dict):
        problems.add(place, "must be a mapping")
        return None
    kind = item.get("type")
    model = provider_types.get(kind) if isinstance(kind, str) else None
    if model is None:
        problems.add((*place, "type"), f"must be one of {', '.join(provider_types)}")
        return None
    return validate(model, item, place, problems, base)
