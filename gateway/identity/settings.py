"""Settings of the `identity` section: the server certificate, and how callers authenticate."""

import ssl
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from gateway import pem
from gateway.config.base import (
    READ_ON_CHANGE,
    FileContent,
    Located,
    OneOrMore,
    Settings,
    as_bytes,
    content,
    is_loopback,
)
from gateway.config.problems import FileError
from gateway.tls_verification import system_context, verifying_context

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip
"""Asymmetric signature algorithms. With a symmetric algorithm, every verifier can also issue tokens."""

ALGORITHMS: Final[tuple[Algorithm, ...]] = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip


_Text = Annotated[str, Field(min_length=1)]


class MtlsSettings(Settings):
    """Callers authenticate with client certificates (mutual TLS)."""

    trust_bundle_file: Located = Field(
        description="PEM certificates of the authorities that issue client certificates.",
        json_schema_extra=READ_ON_CHANGE,
    )


class JwtSettings(Settings):
    """Callers authenticate with bearer tokens (JWT) of one issuer. Exactly one of jwks_file and jwks_url is set."""

    issuer: _Text = Field(description="Required value of the token claim iss.")
    audience: Annotated[tuple[_Text, ...], OneOrMore()] = Field(
        description="Accepted values of the token claim aud: one value or a list."
    )
    jwks_file: Located | None = Field(
        default=None,
        description="JSON Web Key Set (JWKS) of the issuer, as a file. Tokens must name their key by its ID (kid).",
        json_schema_extra=READ_ON_CHANGE,
    )
    jwks_url: str | None = Field(
        default=None,
        description="HTTPS URL of the JWKS of the issuer. http:// is accepted for a loopback address only.",
        json_schema_extra={"x-reload": "jwks"},
    )
    jwks_maximum_age: float = Field(
        default=300.0,
        ge=1,
        le=86_400,
        description=(
            "Seconds after which the gateway fetches jwks_url again. The last valid key set stays in use until a fetch "
            "succeeds."
        ),
    )
    jwks_ca_certificates: FileContent | None = Field(
        default=None, description="PEM CA bundle used to verify the server of jwks_url. Default: the system's."
    )
    algorithms: Annotated[tuple[Algorithm, ...], OneOrMore()] = Field(
        default=ALGORITHMS, description="Accepted signature algorithms: one or a list."
    )
    leeway: float = Field(
        default=30.0, ge=0, le=300, description="Accepted clock difference for exp, nbf, and iat, in seconds."
    )

    _accept_text = field_validator("jwks_ca_certificates", mode="before")(as_bytes)

    @field_validator("jwks_url")
    @classmethod
    def _verified_connection(cls, value: str | None) -> str | None:
        if value is not None and not _is_safe_url(value):
            raise ValueError(
                "must be an https:// URL in printable ASCII, without credentials or a fragment; "
                "http:// is accepted for a loopback address only"
            )
        return value

    def model_post_init(self, _context: Any) -> None:
        """Require exactly one source of the key set."""
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("set exactly one of jwks_file and jwks_url")
        if self.jwks_ca_certificates is not None and self.jwks_url is None:
            raise ValueError("jwks_ca_certificates requires jwks_url")

    def tls(self) -> ssl.SSLContext:
        """Return the TLS context used for `jwks_url`; raise FileError for an unusable CA bundle."""
        bundle = content(self.jwks_ca_certificates)
        if bundle is None:
            return system_context()
        try:
            return verifying_context(pem.plain_certificates(bundle).decode())
        except (ValueError, ssl.SSLError) as error:
            key = "jwks_ca_certificates"
            raise FileError(f"identity.jwt.{key}: {error}", {(key,): [str(error)]}) from error


class IdentitySettings(Settings):
    """The server certificate, and exactly one of `mtls` and `jwt`."""

    certificate_file: Located = Field(
        description="PEM certificate of the gateway, with its chain.", json_schema_extra=READ_ON_CHANGE
    )
    private_key_file: Located = Field(
        description="PEM private key of certificate_file, P-256, P-384, or RSA, without a password.",
        json_schema_extra=READ_ON_CHANGE,
    )
    mtls: MtlsSettings | None = Field(default=None, description="Callers authenticate with client certificates.")
    jwt: JwtSettings | None = Field(default=None, description="Callers authenticate with bearer tokens.")

    def model_post_init(self, _context: Any) -> None:
        """Require exactly one way to authenticate: gRPC either requires client certificates or never requests one."""
        if (self.mtls is None) == (self.jwt is None):
            raise ValueError("set exactly one of mtls and jwt")


def _is_safe_url(url: str) -> bool:
    """Return whether `url` is acceptable for jwks_url. Messages of `urlsplit` can quote it, so they are not shown."""
    if not (url.isascii() and url.isprintable()) or any(character in url for character in " #@\\"):
        return False
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port_fits = parts.port != 0
    except ValueError:
        return False
    return bool(host) and port_fits and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
