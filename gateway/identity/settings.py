"""Who may be taken for a caller: the server's own certificate, and either client certificates or bearer tokens."""

import ssl
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from gateway.config.base import ConfigError, FileContent, Located, Settings, as_bytes, content, is_loopback
from gateway.identity import pem

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]  # fmt: skip
"""Signatures that only the issuer can make: with the others, who can verify a token could also make one."""

ALGORITHMS: Final[tuple[Algorithm, ...]] = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("must name at least one")
    return value


_Text = Annotated[str, Field(min_length=1)]
_ONE_OR_MORE = (BeforeValidator(_as_list), AfterValidator(_not_empty))


class MtlsSettings(Settings):
    """Callers show certificates. trust_bundle_file: PEM certificates of the authorities that issue those."""

    trust_bundle_file: Located


class JwtSettings(Settings):
    """Callers send bearer tokens of one issuer, signed with a key of its set. Exactly one of jwks_file and jwks_url.

    audience: the token must be meant for one of these. leeway: seconds that clocks may differ.
    jwks_maximum_age: seconds after which the set is fetched again; the last good one serves until that succeeds.
    jwks_ca_certificates: PEM bundle to verify the URL's server by; default: the system's.
    """

    issuer: _Text
    audience: Annotated[tuple[_Text, ...], *_ONE_OR_MORE]
    jwks_file: Located | None = None
    jwks_url: str | None = None
    jwks_maximum_age: float = Field(default=300.0, ge=1, le=86_400)
    jwks_ca_certificates: FileContent | None = None
    algorithms: Annotated[tuple[Algorithm, ...], *_ONE_OR_MORE] = ALGORITHMS
    leeway: float = Field(default=30.0, ge=0, le=300)

    _accept_text = field_validator("jwks_ca_certificates", mode="before")(as_bytes)

    @field_validator("jwks_url")
    @classmethod
    def _verified_connection(cls, value: str | None) -> str | None:
        if value is not None and not _is_safe_url(value):
            raise ValueError(
                "must be an https:// URL in printable ASCII, without credentials and a fragment; "
                "http:// only on a loopback address"
            )
        return value

    def model_post_init(self, _context: Any) -> None:
        """One place to take the keys from, not two and not none."""
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("give either jwks_file or jwks_url")
        if self.jwks_ca_certificates is not None and self.jwks_url is None:
            raise ValueError("jwks_ca_certificates goes with jwks_url")

    def tls(self) -> ssl.SSLContext:
        """How the server of `jwks_url` is verified."""
        bundle = content(self.jwks_ca_certificates)
        if bundle is None:
            return ssl.create_default_context()
        try:
            return ssl.create_default_context(cadata=pem.text(pem.certificates(bundle)).decode())
        except (ValueError, ssl.SSLError) as error:
            raise ConfigError(f"identity.jwt.jwks_ca_certificates: {error}") from error


class IdentitySettings(Settings):
    """The server's own certificate chain with its key, and exactly one of `mtls` and `jwt`.

    All files are read again when they change.
    """

    certificate_file: Located
    private_key_file: Located
    mtls: MtlsSettings | None = None
    jwt: JwtSettings | None = None

    def model_post_init(self, _context: Any) -> None:
        """A server that does not require client certificates never asks for one."""
        if (self.mtls is None) == (self.jwt is None):
            raise ValueError("give either mtls or jwt")


def _is_safe_url(url: str) -> bool:
    """What `urlsplit` says of other texts can quote them."""
    if not (url.isascii() and url.isprintable()) or any(character in url for character in " #@\\"):
        return False
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port_fits = parts.port != 0
    except ValueError:
        return False
    return bool(host) and port_fits and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
