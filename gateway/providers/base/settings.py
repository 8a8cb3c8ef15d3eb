"""Settings that every provider type has. A provider type adds its own keys in a subclass."""

import ssl
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

from gateway.config.base import FileContent, Settings, as_bytes, content
from gateway.config.problems import FileError
from gateway.contract.resource_names import RESERVED_PREFIX, is_segment
from gateway.upstream import tls
from gateway.upstream.settings import BreakerSettings, HttpSettings, QueueSettings, RetrySettings
from gateway.upstream.tls import ClientFiles

_MAXIMUM_ID_CHARACTERS: Final = 64


def _fits_header(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.strip() or not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII, and must not be empty")
    return value


HeaderSecret = Annotated[SecretStr, AfterValidator(_fits_header)]
"""A secret that is sent as the value of a header."""


class ClientCertificate(Settings):
    """The certificate that the gateway presents to a provider: PEM files, or one PKCS#12 file."""

    certificate: FileContent | None = Field(default=None, description="PEM certificate with its chain.")
    private_key: FileContent | None = Field(default=None, description="PEM private key of the certificate.")
    pkcs12: FileContent | None = Field(
        default=None, description="PKCS#12 file that holds the certificate and its private key."
    )
    password: SecretStr | None = Field(default=None, description="Password of the private key or of the PKCS#12 file.")

    _accept_text = field_validator("certificate", "private_key", "pkcs12", mode="before")(as_bytes)

    def model_post_init(self, _context: Any) -> None:
        """Require exactly one complete form."""
        pem = self.certificate is not None or self.private_key is not None
        if pem == (self.pkcs12 is not None):
            raise ValueError("set either certificate and private_key, or pkcs12")
        if pem and (self.certificate is None or self.private_key is None):
            raise ValueError("certificate requires private_key, and private_key requires certificate")

    def files(self) -> ClientFiles:
        """Return the contents of the files."""
        return ClientFiles(
            certificate=content(self.certificate),
            private_key=content(self.private_key),
            pkcs12=content(self.pkcs12),
            password=self.password.get_secret_value() if self.password is not None else "",
        )


class CacheSettings(Settings):
    """Cache for certificate lists, certificate metadata, and public keys."""

    ttl: float = Field(gt=0, le=86_400, description="Lifetime of a cached response, in seconds.")
    stale: float = Field(
        default=0.0,
        ge=0,
        le=604_800,
        description=(
            "Seconds after the ttl during which an expired response is still served while the upstream is down. Such a "
            "response has the trailer keyway-stale-seconds."
        ),
    )
    maximum_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="Maximum total size of the cached responses, in bytes."
    )


class PollerSettings(Settings):
    """Poller that lists the certificates of the provider, for the expiry metrics and for watched certificates.

    The poller runs in one worker of the gateway if metrics are exported, and while callers watch certificates.
    Providers without certificates ignore it.
    """

    enabled: bool = Field(
        default=True,
        description=(
            "Whether the gateway polls the provider. Without the poller, the metrics contain only certificates in "
            "responses to callers, and callers cannot watch certificates."
        ),
    )
    interval: float = Field(default=3600.0, ge=1, le=86_400, description="Seconds between two polls.")
    watch_interval: float = Field(
        default=60.0,
        ge=1,
        le=86_400,
        description=(
            "Seconds between two polls while certificates of the provider are watched, if this is less than interval. "
            "Each poll downloads every watched certificate once."
        ),
    )
    maximum_watched: int = Field(
        default=2000,
        ge=1,
        le=50_000,
        description=(
            "Maximum number of certificates that each poll downloads because they are watched. If the provider has "
            "more, callers cannot watch all of its certificates, only named ones."
        ),
    )
    expiring_days: float = Field(
        default=30.0,
        ge=0,
        le=3650,
        description="Days before the end of its validity from which a watched certificate is reported as EXPIRING.",
    )
    jitter: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description=(
            "Maximum share of the interval that is randomly added or subtracted, so that several gateways do not poll "
            "at the same time."
        ),
    )
    keystore_passwords: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        description=(
            "Key store passwords by certificate ID, for upstreams that return a certificate only if the request "
            "contains its password (asteria: server and client). Without a password, the expiry is unknown, and the "
            "certificate cannot be watched."
        ),
    )


class ProviderSettings(Settings):
    """Settings that every provider type has."""

    id: str = Field(
        description=(
            "Identifier of the provider in resource names: providers/ID. 1 to 64 characters, without '/' or control "
            "characters; not '.', '..', or '-'. IDs that begin with 'keyway:' are reserved."
        )
    )
    type: str = Field(description="Provider type; it selects the adapter.")
    endpoint: str = Field(description="Base URL of the upstream: scheme, host, port, and an optional path prefix.")
    ca_certificates: FileContent | None = Field(
        default=None,
        description="PEM CA bundle used to verify the upstream. Default: the system's.",
    )
    client_certificate: ClientCertificate | None = Field(
        default=None, description="Certificate that the gateway presents to the upstream."
    )
    timeout: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Time limit of one request, in seconds. The deadline of the caller also applies.",
    )
    connect_timeout: float = Field(
        default=5.0, gt=0, le=60, description="Time limit for opening a connection, in seconds."
    )
    read_timeout: float | None = Field(
        default=None,
        gt=0,
        le=600,
        description="Maximum time without data from the upstream during a request, in seconds. Default: no such limit.",
    )
    maximum_connections: int = Field(
        default=100, ge=1, le=10_000, description="Maximum number of concurrent requests; each uses one connection."
    )
    maximum_response_bytes: int = Field(
        default=2 * 1024 * 1024,
        ge=64 * 1024,
        le=64 * 1024 * 1024,
        description=(
            "Maximum size of a response of the upstream, in bytes. Certificate lists are read in pages that fit. Each "
            "concurrent call can need several times this memory."
        ),
    )
    proxy: str | None = Field(
        default=None, description="URL of an HTTP proxy. The gateway ignores the proxy variables of the environment."
    )
    retry: RetrySettings = Field(default=RetrySettings(), description="Retries of failed requests.")
    breaker: BreakerSettings = Field(default=BreakerSettings(), description="Circuit breaker of the provider.")
    queue: QueueSettings = Field(
        default=QueueSettings(), description="Queue of calls that wait because maximum_connections are in use."
    )
    cache: CacheSettings | None = Field(
        default=None, description="Cache of read responses. Default: no cache; every call contacts the upstream."
    )

    poller: PollerSettings = Field(default=PollerSettings(), description="Certificate poller, for the expiry metrics.")

    _accept_text = field_validator("ca_certificates", mode="before")(as_bytes)

    @field_validator("id")
    @classmethod
    def _valid_id(cls, value: str) -> str:
        if not is_segment(value) or value == "-" or len(value) > _MAXIMUM_ID_CHARACTERS:
            raise ValueError("must be 1 to 64 characters without '/' or control characters, and not '.', '..', or '-'")
        if value.startswith(RESERVED_PREFIX):
            raise ValueError(f"must not begin with '{RESERVED_PREFIX}', which is reserved")
        return value

    @field_validator("endpoint", "proxy")
    @classmethod
    def _valid_url(cls, value: str | None) -> str | None:
        if value is not None and not _is_base_url(value):
            raise ValueError(
                "must be an http:// or https:// URL in printable ASCII, without a query, a fragment, or credentials"
            )
        return value

    def http(self) -> HttpSettings:
        """Return the settings of the HTTP client for this provider; raise FileError for unusable TLS files."""
        return HttpSettings(
            endpoint=self.endpoint,
            tls=self._tls(),
            timeout=self.timeout,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            maximum_connections=self.maximum_connections,
            maximum_response_bytes=self.maximum_response_bytes,
            proxy=self.proxy,
            retry=self.retry,
            breaker=self.breaker,
            queue=self.queue,
        )

    def _tls(self) -> ssl.SSLContext | None:
        client = self.client_certificate
        try:
            return tls.context(content(self.ca_certificates), client.files() if client is not None else None)
        except FileError as error:
            message = "\n".join(f"provider {self.id}: {line}" for line in str(error).splitlines())
            raise FileError(message, error.problems) from error


def _is_base_url(text: str) -> bool:
    """Return whether a path can be appended to `text`. Messages of `urlsplit` can quote a password."""
    if not (text.isascii() and text.isprintable()) or any(character in text for character in " ?#@"):
        return False
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna")  # as the resolver does: no label may be empty or too long
        return parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:
        return False
