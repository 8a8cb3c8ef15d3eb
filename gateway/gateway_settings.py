"""Settings: read from one YAML file, typed, validated at start, with secrets by reference.

Every value may be `{env: NAME}` or `{file: PATH}` (a path is relative to the configuration file). Unknown keys and
bad values are errors that name the key and its place, never the value. What one type of provider needs beyond
`ProviderSettings` stands in that provider's own settings class; this module does not know them.
"""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator

from gateway.authz.settings import LimitSettings, PolicySettings
from gateway.config.base import ConfigError, Settings, is_loopback, listen_address
from gateway.config.secret_references import Problems, place_of, resolve
from gateway.identity.settings import IdentitySettings
from gateway.journal.settings import AuditSettings
from gateway.providers.base.settings import ProviderSettings
from gateway.telemetry.settings import TelemetrySettings

SettingsT = TypeVar("SettingsT", bound="Settings")


class LogSettings(Settings):
    """format: `json` for programs, `console` for people."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class GatewaySettings(Settings):
    """The whole configuration.

    listen: an address with its port (port 0: a free one); beyond loopback only with `identity`.
    health_listen: where probes find the health service, outside identity, policy and audit.
    default_deadline: seconds for a call whose caller set none.
    maximum_connection_age: seconds after which a client is asked to connect anew, so that it shows its certificate
    again and finds new gateways; its calls in progress go on.
    drain_delay: seconds between NOT_SERVING and the closing of the listener, so that balancers and clients move on.
    drain_timeout: seconds that accepted calls then have to finish.
    batch_concurrency: how many items of one batch are in flight at once.
    workers: processes that serve; more than one have another that watches them (docs/scaling.md).
    identity with policy: who may do what; neither without the other.
    """

    identity: IdentitySettings | None = None  # first: the next ones depend on it
    policy: PolicySettings | None = Field(default=None, validate_default=True)
    listen: str = "127.0.0.1:50051"
    health_listen: str | None = None
    providers: tuple[ProviderSettings, ...] = ()
    default_deadline: float = Field(default=30.0, gt=0, le=3600)
    maximum_connection_age: float = Field(default=3600.0, ge=1, le=86_400)
    drain_delay: float = Field(default=2.0, ge=0, le=600)
    drain_timeout: float = Field(default=30.0, ge=0, le=3600)
    batch_concurrency: int = Field(default=32, ge=1, le=1000)
    workers: int = Field(default=1, ge=1, le=64)
    limits: LimitSettings = LimitSettings()
    audit: AuditSettings | None = None
    telemetry: TelemetrySettings | None = None
    log: LogSettings = LogSettings()

    @field_validator("listen", "health_listen")
    @classmethod
    def _address(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if (address := listen_address(value)) is None:
            raise ValueError("must be HOST:PORT, an IPv6 address in brackets")
        loopback = is_loopback(address[0])
        if info.field_name == "listen" and not loopback and info.data.get("identity", ...) is None:
            raise ValueError("must be a loopback address: no identity of callers is configured")
        return value

    @field_validator("policy")
    @classmethod
    def _for_known_callers(cls, value: PolicySettings | None, info: ValidationInfo) -> PolicySettings | None:
        if "identity" in info.data and (value is None) != (info.data["identity"] is None):
            with_what = "is needed with identity" if value is None else "needs identity"
            raise ValueError(f"{with_what}: nobody is allowed anything but callers that are known")
        return value


class _KeyStandsTwiceError(yaml.MarkedYAMLError):
    """A mapping with the same key twice."""


class _Loader(yaml.SafeLoader):
    """YAML as `safe_load` reads it, but a key that stands twice is an error instead of the last one's win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuses a second key of the same text."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise _KeyStandsTwiceError(problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def load(
    path: Path,
    provider_types: Mapping[str, type[ProviderSettings]],
    overrides: Mapping[str, object] | None = None,
) -> GatewaySettings:
    """The settings in a YAML file; ConfigError names everything that is wrong with it. `overrides`: top-level keys."""
    tree = _read(path)
    if isinstance(tree, dict):
        tree = {**tree, **(overrides or {})}
    return parse(tree, provider_types, base=path.parent)


def load_section(path: Path, name: str, model: type[SettingsT]) -> SettingsT | None:
    """One section of a YAML file, None where it has none. No secret and no file of the other sections is needed."""
    tree = _read(path)
    if not isinstance(tree, dict) or tree.get(name) is None:
        return None
    problems: Problems = {}
    settings = _validate(model, resolve(tree[name], path.parent, problems, name), name, problems, path.parent)
    if problems:
        raise ConfigError("\n".join(f"{place}: {text}" for place, text in problems.items()))
    return settings


def _read(path: Path) -> object:
    """What stands in a YAML file."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        fault = "a key stands twice" if isinstance(error, _KeyStandsTwiceError) else "not valid YAML"
        raise ConfigError(f"{path}: {fault}{place}") from None
    return {} if data is None else data


def parse(
    data: object, provider_types: Mapping[str, type[ProviderSettings]], *, base: Path = Path()
) -> GatewaySettings:
    """The settings in a tree of plain values. `base` is where relative `{file: …}` paths start."""
    problems: Problems = {}
    tree = resolve(data, base, problems)
    if not isinstance(tree, dict):
        problems.setdefault(place_of(""), "must be a mapping")
        tree = {}
    providers = _parse_providers(tree.get("providers"), provider_types, problems, base)
    settings = _validate(GatewaySettings, {**tree, "providers": providers}, "", problems, base)
    if problems or settings is None:
        raise ConfigError("\n".join(f"{place}: {text}" for place, text in problems.items()))
    return settings


def _parse_providers(
    items: object, provider_types: Mapping[str, type[ProviderSettings]], problems: Problems, base: Path
) -> tuple[ProviderSettings, ...]:
    if items is None:
        return ()
    if not isinstance(items, list):
        problems.setdefault("providers", "must be a list")
        return ()
    parsed: dict[str, ProviderSettings] = {}
    for index, item in enumerate(items):
        place = f"providers[{index}]"
        if not isinstance(item, dict):
            problems.setdefault(place, "must be a mapping")
            continue
        kind = item.get("type")
        model = provider_types.get(kind) if isinstance(kind, str) else None
        if model is None:
            problems.setdefault(f"{place}.type", f"must be one of {', '.join(provider_types)}")
            continue
        provider = _validate(model, item, place, problems, base)
        if provider is None:
            continue
        if provider.id in parsed:
            problems.setdefault(f"{place}.id", "another provider has this id")
        parsed[provider.id] = provider
    return tuple(parsed.values())


def _validate(model: type[SettingsT], data: object, place: str, problems: Problems, base: Path) -> SettingsT | None:
    try:
        return model.model_validate(data, context={"base": base})
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False, include_context=False):
            plain = detail["msg"].removeprefix("Value error, ").replace("Input should", "must")
            problems.setdefault(place_of(place, detail["loc"]), _PROBLEMS.get(detail["type"], plain))
        return None


_A_TEXT: Final = "must be text, {env: NAME} or {file: PATH}"
_PROBLEMS: Final = {
    "extra_forbidden": "unknown key",
    "invalid_key": "unknown key",
    "missing": "is required",
    "string_type": _A_TEXT,
    "bytes_type": _A_TEXT,
}
"""Problems in our own words, by pydantic's name for them."""
