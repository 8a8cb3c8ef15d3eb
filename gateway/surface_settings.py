"""Settings of the surfaces: third-party interfaces that the gateway serves on listeners of their own."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import Field, ValidationInfo, field_validator

from gateway import pem
from gateway.authz.principals import caller_with_id
from gateway.config.base import READ_ON_CHANGE, RESTART, Located, Settings, is_loopback, listen_address
from gateway.config.problems import FileError
from gateway.contract.resource_names import CERTIFICATE, MAXIMUM_NAME_CHARACTERS, TRUST_STORE
from gateway.identity.settings import IdentitySettings
from gateway.x509_reader.certificate import ParsedCertificate

_Name = Annotated[str, Field(min_length=1, max_length=MAXIMUM_NAME_CHARACTERS)]


class TrustStoreSettings(Settings):
    """The certificates of the authorities in a trust store."""

    certificates_file: Located = Field(
        description=(
            "PEM certificates of authorities. The gateway sends those that are in the trust store: the upstream "
            "returns descriptions of authorities, but not their certificates."
        ),
        json_schema_extra=READ_ON_CHANGE,
    )

    def certificates(self) -> Sequence[ParsedCertificate]:
        """Return the certificates in the file. Raises FileError."""
        try:
            return pem.certificates(self.certificates_file.read_bytes())
        except (OSError, ValueError) as error:
            problem = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            text = f"{self.certificates_file}: {problem}"
            raise FileError(text, {("certificates_file",): [text]}) from error


class EnvoySdsSettings(Settings):
    """The Secret Discovery Service (SDS), which delivers certificates with private keys to Envoy."""

    identity: IdentitySettings | None = Field(
        default=None, description="How nodes authenticate to this listener. Default: as callers do (identity)."
    )
    listen: str = Field(
        description=(
            "HOST:PORT on which the gateway serves SDS. Port 0 selects a free port. Without identity, only a loopback "
            "address is accepted."
        ),
        json_schema_extra=RESTART,
    )
    unix_socket: Located | None = Field(
        default=None,
        description=(
            "Path of a Unix socket on which the gateway also serves SDS, without TLS, for an Envoy of the same user. "
            "Its folder must belong to the user of the gateway and have mode 0700; a missing folder is created. "
            "Requires unix_caller, and workers: 1."
        ),
        json_schema_extra=RESTART,
    )
    unix_caller: str | None = Field(
        default=None, description="ID of the caller that every program at unix_socket is, as in policies."
    )
    aliases: Mapping[_Name, str] = Field(
        default_factory=dict,
        description=(
            "Names under which nodes can request secrets, such as host names, each with the full name of a certificate "
            "or a trust store. Full names can be requested without an alias."
        ),
    )
    trust_stores: Mapping[str, TrustStoreSettings] = Field(
        default_factory=dict, description="The trust stores that nodes can request as trust bundles, by full name."
    )
    maximum_streams_per_connection: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Maximum number of streams on one connection. Envoy opens one stream for each secret.",
    )
    maximum_streams_per_caller: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Maximum number of streams of one caller to one worker."
    )
    maximum_secrets_per_stream: int = Field(
        default=1000, ge=1, le=100_000, description="Maximum number of secrets that one stream requests."
    )
    maximum_secrets_per_caller: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Maximum number of secrets that all streams of one caller to one worker request.",
    )
    trust_store_interval: float = Field(
        default=300.0, ge=1, le=86_400, description="Seconds between two polls of a trust store that nodes request."
    )

    @field_validator("listen")
    @classmethod
    def _valid_address(cls, value: str) -> str:
        return _checked_address(value)

    @field_validator("unix_caller")
    @classmethod
    def _known_kind(cls, value: str | None) -> str | None:
        if value is not None and caller_with_id(value) is None:
            raise ValueError("must be a caller ID, which begins with spiffe://, dns:, cn:, or sub:")
        return value

    def model_post_init(self, _context: Any) -> None:
        """Require both settings of the Unix socket, or none."""
        if (self.unix_socket is None) != (self.unix_caller is None):
            raise ValueError("set both of unix_socket and unix_caller, or none")

    @field_validator("aliases")
    @classmethod
    def _resources(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for alias, name in value.items():
            if CERTIFICATE.parse(name) is None and TRUST_STORE.parse(name) is None:
                raise ValueError(f"alias {alias!r}: must be the full name of a certificate or a trust store")
        return value

    @field_validator("trust_stores")
    @classmethod
    def _trust_stores(cls, value: Mapping[str, TrustStoreSettings]) -> Mapping[str, TrustStoreSettings]:
        if not all(TRUST_STORE.parse(name) is not None for name in value):
            raise ValueError("keys must be full names of trust stores")
        return value


class VaultApiSettings(Settings):
    """A part of Vault's HTTP API: encryption, and reads of secrets and of certificates with their private keys."""

    identity: IdentitySettings | None = Field(
        default=None,
        description=(
            "How callers authenticate to this listener. With jwt, X-Vault-Token is the bearer token. With mtls, "
            "X-Vault-Token is ignored. Default: as callers do (identity)."
        ),
    )
    listen: str = Field(
        description=(
            "HOST:PORT on which the gateway serves the API. Port 0 selects a free port. Without identity, only a "
            "loopback address is accepted."
        ),
        json_schema_extra=RESTART,
    )
    maximum_connections: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description=(
            "Maximum number of connections, divided among the workers. At most a quarter of them can be connections "
            "without an authenticated request, and a quarter of those from one IPv4 address or IPv6 /64 network. "
            "Further connections are closed."
        ),
    )
    maximum_body_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=64 * 1024,
        le=16 * 1024 * 1024,
        description="Maximum size of the body of a request in bytes.",
    )

    @field_validator("listen")
    @classmethod
    def _valid_address(cls, value: str) -> str:
        return _checked_address(value)


SurfaceSettings = EnvoySdsSettings | VaultApiSettings
"""The settings of a surface with a listener of its own."""

SURFACES: Final = ("envoy_sds", "vault_api")
"""The sections of the surfaces with a listener of their own."""


def _checked_address(value: str) -> str:
    if listen_address(value) is None:
        raise ValueError("must be HOST:PORT, with a port of at most 65535, and an IPv6 address in brackets")
    return value


def checked_surface(value: SurfaceSettings | None, info: ValidationInfo) -> SurfaceSettings | None:
    """Return the settings; raise ValueError if the listener needs an identity. info: with the field `identity`."""
    if value is None or "identity" not in info.data:
        return value
    address = listen_address(value.listen)
    has_identity = value.identity is not None or info.data["identity"] is not None
    if address is not None and not has_identity and not is_loopback(address[0]):
        raise ValueError("listen: must be a loopback address, because `identity` is not configured")
    if value.identity is not None and info.data["identity"] is None:
        raise ValueError("identity: requires the top-level `identity` and `policy`")
    return value
