"""Settings of `audit.query.central`: the connection to the central store, and the journals that it must contain."""

import ssl
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator

from gateway import pem
from gateway.config.base import FileContent, Settings, as_bytes, content, is_loopback
from gateway.tls_verification import system_context, verifying_context

JournalId = Annotated[str, StringConstraints(pattern=r"^journal-[0-9a-f]{16}$")]
_URL: Final = "must be https://HOST or https://HOST:PORT with an optional path, without credentials or a query"


def _printable(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII; a file must not end with a newline")
    return value


class CentralSettings(Settings):
    """The central store: a VictoriaLogs server, or `vlselect` of a VictoriaLogs cluster."""

    endpoint: str = Field(
        description=(
            "URL of the store: https://HOST:PORT, with a path if a proxy needs one. http:// is accepted only for a "
            "loopback address."
        )
    )
    username: str = Field(default="", description="User name for HTTP basic authentication at the store.")
    password: Annotated[SecretStr, AfterValidator(_printable)] | None = Field(
        default=None, description="Password of `username`."
    )
    ca_certificates: FileContent | None = Field(
        default=None, description="PEM CA bundle used to verify the store. Default: the CA bundle of the system."
    )
    journals: tuple[JournalId, ...] = Field(
        default=(),
        description=(
            "IDs of the journals of all gateways. An answer is complete only if the store has records of each of them. "
            "Default: no journal is required."
        ),
    )

    _accept_text = field_validator("ca_certificates", mode="before")(as_bytes)

    @field_validator("endpoint")
    @classmethod
    def _valid_endpoint(cls, value: str) -> str:
        if not _is_usable(value):
            raise ValueError(f"{_URL}; http:// is accepted only for a loopback address")
        return value.rstrip("/")

    @field_validator("ca_certificates")
    @classmethod
    def _usable_bundle(cls, value: FileContent | None) -> FileContent | None:
        if value is not None:
            _context(value.get_secret_value())
        return value

    @field_validator("username")
    @classmethod
    def _valid_username(cls, value: str) -> str:
        if not (value.isascii() and value.isprintable()) or ":" in value:
            raise ValueError("must be printable ASCII without a colon")
        return value

    def model_post_init(self, _context: object) -> None:
        """Require complete credentials, and TLS for a CA bundle."""
        if bool(self.username) != (self.password is not None):
            raise ValueError("set both username and password, or neither")
        if self.ca_certificates is not None and not self.secure:
            raise ValueError("ca_certificates requires an https:// endpoint")

    @property
    def secure(self) -> bool:
        """Whether the connection uses TLS."""
        return urlsplit(self.endpoint).scheme == "https"

    def tls(self) -> ssl.SSLContext:
        """Return the TLS context that verifies the certificate of the store."""
        bundle = content(self.ca_certificates)
        return system_context() if bundle is None else _context(bundle)


def _context(bundle: bytes) -> ssl.SSLContext:
    """Return a TLS context that trusts the bundle. Raises ValueError without quoting the bundle."""
    try:
        return verifying_context(pem.plain_certificates(bundle).decode())
    except ssl.SSLError as error:
        raise ValueError(f"OpenSSL rejects the bundle: {error.reason}") from None


def _is_usable(text: str) -> bool:
    """Return whether the text is a valid URL of a store. Discards messages of `urlsplit`, which can quote the text."""
    if not (text.isascii() and text.isprintable()) or any(character in text for character in " ?#@\\"):
        return False
    try:
        parts = urlsplit(text)
        return (
            bool(parts.hostname)
            and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")))
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return False
