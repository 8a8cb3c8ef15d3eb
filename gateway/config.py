"""Settings: read from one YAML file, typed, validated at start, with secrets by reference.

Every value may be `{env: NAME}` or `{file: PATH}` (a path is relative to the configuration file). Unknown keys and
bad values are errors that name the key and its place, never the value. What one type of provider needs beyond
`ProviderSettings` stands in that provider's own settings class; this module does not know them.
"""

import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr, ValidationError, field_validator

from gateway.names import is_segment
from gateway.upstream.client import HttpSettings

SettingsT = TypeVar("SettingsT", bound="Settings")


class ConfigError(ValueError):
    """The configuration can't be used; each line of the message names a key and what is wrong with it."""


class Settings(BaseModel):
    """A section of the configuration: no unknown keys, no changes after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


def _as_bytes(value: object) -> object:
    return value.encode() if isinstance(value, str) else value


FileContent = SecretBytes
"""The content of a file, usually given as `{file: PATH}`; may hold a secret."""


class ClientCertificate(Settings):
    """The certificate that the gateway shows to a provider: PEM files, or one PKCS#12 file."""

    certificate: FileContent | None = None
    private_key: FileContent | None = None
    pkcs12: FileContent | None = None
    password: SecretStr | None = None

    _accept_text = field_validator("certificate", "private_key", "pkcs12", mode="before")(_as_bytes)

    def model_post_init(self, _context: Any) -> None:
        """Either form, not both and not half of one."""
        pem = self.certificate is not None or self.private_key is not None
        if pem == (self.pkcs12 is not None):
            raise ValueError("give either certificate and private_key, or pkcs12")
        if pem and (self.certificate is None or self.private_key is None):
            raise ValueError("certificate and private_key belong together")


class ProviderSettings(Settings):
    """What every type of provider has.

    id: the provider's segment in resource names. timezone: of dates and times that the upstream gives without one.
    timeout, connect_timeout: seconds, under the caller's deadline.
    """

    id: str
    type: str
    endpoint: str
    timezone: ZoneInfo
    ca_certificates: FileContent | None = None
    client_certificate: ClientCertificate | None = None
    timeout: float = Field(default=30.0, gt=0, le=600)
    connect_timeout: float = Field(default=5.0, gt=0, le=60)
    maximum_connections: int = Field(default=100, ge=1, le=10_000)
    proxy: str | None = None

    _accept_text = field_validator("ca_certificates", mode="before")(_as_bytes)

    @field_validator("id")
    @classmethod
    def _valid_id(cls, value: str) -> str:
        if not is_segment(value) or value == "-":
            raise ValueError("must be non-empty text without '/' and control characters, and not '.', '..' or '-'")
        return value

    @field_validator("endpoint", "proxy")
    @classmethod
    def _valid_url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://unset")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http:// or https:// URL")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("must not hold a query, a fragment or credentials")
        return value

    @field_validator("timezone", mode="before")
    @classmethod
    def _valid_timezone(cls, value: object) -> object:
        try:
            return ZoneInfo(value) if isinstance(value, str) else value
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("must be an IANA time zone such as Asia/Seoul") from error

    def http(self) -> HttpSettings:
        """How to reach this provider."""
        return HttpSettings(
            endpoint=self.endpoint,
            tls=self._tls(),
            timeout=self.timeout,
            connect_timeout=self.connect_timeout,
            maximum_connections=self.maximum_connections,
            proxy=self.proxy,
        )

    def _tls(self) -> ssl.SSLContext | None:
        if self.ca_certificates is None and self.client_certificate is None:
            return None
        try:
            authorities = self.ca_certificates.get_secret_value().decode() if self.ca_certificates else None
            context = ssl.create_default_context(cadata=authorities)
            if self.client_certificate is not None:
                _load_client_certificate(context, self.client_certificate)
        except (ssl.SSLError, ValueError, TypeError) as error:
            raise ConfigError(f"provider {self.id}: ca_certificates or client_certificate can't be read") from error
        return context


def _load_client_certificate(context: ssl.SSLContext, settings: ClientCertificate) -> None:
    """`ssl` takes certificates from files only: hand them over in one that nobody else can read."""
    password = settings.password.get_secret_value() if settings.password else ""
    with tempfile.TemporaryDirectory(prefix="keyway-") as folder:
        path = Path(folder, "client.pem")
        path.touch(mode=0o600)
        path.write_bytes(_client_certificate_pem(settings, password.encode()))
        context.load_cert_chain(path, password=password)


def _client_certificate_pem(settings: ClientCertificate, password: bytes) -> bytes:
    if settings.pkcs12 is None:
        assert settings.certificate is not None
        assert settings.private_key is not None
        return settings.private_key.get_secret_value() + b"\n" + settings.certificate.get_secret_value()
    store = pkcs12.load_pkcs12(settings.pkcs12.get_secret_value(), password or None)
    if store.key is None or store.cert is None:
        raise ValueError("the PKCS#12 file holds no key with its certificate")
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    )
    key = store.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    chain = [store.cert, *store.additional_certs]
    return key + b"".join(item.certificate.public_bytes(serialization.Encoding.PEM) for item in chain)


class LogSettings(Settings):
    """format: `json` for programs, `console` for people."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class GatewaySettings(Settings):
    """The whole configuration.

    listen: a loopback address with its port (port 0: a free one).
    default_deadline: seconds for a call whose caller set none; maximum_deadline bounds what callers ask for.
    drain_delay: seconds between NOT_SERVING and the closing of the listener, so that balancers and clients move on.
    drain_timeout: seconds that accepted calls then have to finish.
    batch_concurrency: how many items of one batch are in flight at once.
    """

    listen: str = "127.0.0.1:50051"
    providers: tuple[ProviderSettings, ...] = ()
    default_deadline: float = Field(default=30.0, gt=0, le=3600)
    drain_delay: float = Field(default=2.0, ge=0, le=600)
    drain_timeout: float = Field(default=30.0, ge=0, le=3600)
    batch_concurrency: int = Field(default=32, ge=1, le=1000)
    log: LogSettings = LogSettings()

    @field_validator("listen")
    @classmethod
    def _loopback(cls, value: str) -> str:
        host, separator, port = value.rpartition(":")
        if not separator or not port.isdecimal() or int(port) > 65_535:
            raise ValueError("must be HOST:PORT")
        if not _is_loopback(host.strip("[]")):
            raise ValueError("must be a loopback address: no identity of callers is configured")
        return value


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load(path: Path, provider_types: Mapping[str, type[ProviderSettings]]) -> GatewaySettings:
    """The settings in a YAML file; ConfigError names everything that is wrong with it."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}: not valid YAML{place}") from None
    return parse({} if data is None else data, provider_types, base=path.parent)


def parse(
    data: object, provider_types: Mapping[str, type[ProviderSettings]], *, base: Path = Path()
) -> GatewaySettings:
    """The settings in a tree of plain values. `base` is where relative `{file: …}` paths start."""
    problems: list[str] = []
    tree = _resolve(data, base, "", problems)
    if problems:
        raise ConfigError("\n".join(problems))
    if not isinstance(tree, dict):
        raise ConfigError("the configuration must be a mapping")
    providers = _parse_providers(tree.get("providers"), provider_types, problems)
    settings = _validate(GatewaySettings, tree | {"providers": providers}, "", problems)
    if problems or settings is None:
        raise ConfigError("\n".join(problems))
    return settings


def _parse_providers(
    items: object, provider_types: Mapping[str, type[ProviderSettings]], problems: list[str]
) -> tuple[ProviderSettings, ...]:
    if items is None:
        return ()
    if not isinstance(items, list):
        problems.append("providers: must be a list")
        return ()
    parsed: dict[str, ProviderSettings] = {}
    for index, item in enumerate(items):
        place = f"providers[{index}]"
        kind = item.get("type") if isinstance(item, dict) else None
        model = provider_types.get(kind) if isinstance(kind, str) else None
        if model is None:
            problems.append(f"{place}.type: must be one of {', '.join(provider_types)}")
            continue
        provider = _validate(model, item, place, problems)
        if provider is None:
            continue
        if provider.id in parsed:
            problems.append(f"{place}.id: another provider has this id")
        parsed[provider.id] = provider
    return tuple(parsed.values())


def _validate(model: type[SettingsT], data: object, place: str, problems: list[str]) -> SettingsT | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False, include_context=False):
            where = _place(place, detail["loc"])
            unknown = detail["type"] == "extra_forbidden"
            problems.append(f"{where}: {'unknown key' if unknown else detail['msg'].removeprefix('Value error, ')}")
        return None


def _place(prefix: str, location: tuple[int | str, ...]) -> str:
    text = prefix
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the configuration"


def _resolve(value: object, base: Path, place: str, problems: list[str]) -> object:
    """`value` with every `{env: NAME}` and `{file: PATH}` replaced by what it refers to."""
    if isinstance(value, list):
        return [_resolve(item, base, f"{place}[{index}]", problems) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (kind, reference), *_ = value.items()
        reader = _REFERENCES.get(kind)
        if reader is not None and isinstance(reference, str):
            try:
                return reader(reference, base)
            except ConfigError as error:
                problems.append(f"{place.lstrip('.')}: {error}")
                return ""
    return {key: _resolve(item, base, f"{place}.{key}", problems) for key, item in value.items()}


def _from_environment(name: str, _base: Path) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ConfigError(f"the environment variable {name} is not set")
    return value


def _from_file(name: str, base: Path) -> str | bytes:
    path = base / Path(name).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the file {path} can't be read: {error.strerror}") from error
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return content


_REFERENCES: Mapping[str, Callable[[str, Path], str | bytes]] = {"env": _from_environment, "file": _from_file}
