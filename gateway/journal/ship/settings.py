"""Where the journal is shipped to, and how: the section `audit.ship` of the configuration."""

import re
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, Field, SecretStr, field_validator

from gateway.config.base import FileContent, Settings, as_bytes, is_loopback
from gateway.identity import pem

_HEADER_NAME: Final = re.compile(r"[a-z0-9_.-]+")
_RESERVED: Final = ("grpc-", ":")


class ShipCertificate(Settings):
    """What the shipper shows of itself to the collector: a PEM certificate, with its chain, and its private key."""

    certificate: FileContent
    private_key: FileContent

    _accept_text = field_validator("certificate", "private_key", mode="before")(as_bytes)

    def model_post_init(self, _context: Any) -> None:
        """A pair that does not fit would be told by failing handshakes only."""
        own = pem.certificates(self.certificate.get_secret_value())[0]
        try:
            key = load_pem_private_key(self.private_key.get_secret_value(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("private_key can't be read; it must be PEM without a password") from None
        if key.public_key() != own.public_key():
            raise ValueError("the private key is not the certificate's")


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value) or value.startswith(_RESERVED) or value.endswith("-bin"):
        raise ValueError("must be a lower-case header name, not one of gRPC's own and not a binary one")
    return value


def _header_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII")
    return value


class ShipSettings(Settings):
    """The collector and the shipper's habits.

    endpoint: `https://HOST:PORT`; `http://` on a loopback address, elsewhere only with `insecure: true`. The connection
    has to end at the collector itself, not at a proxy that spreads requests: see docs/decisions/0008.
    ca_certificates: PEM bundle to verify the collector by; default: the system's.
    headers: sent with every export, such as `authorization`; values are secret.
    rewind: seconds for which a collector must have stayed alive after it acknowledged a record before the shipper
    relies on that; more than its exporter takes to flush.
    batch_records, batch_bytes: the most that goes in one export; a collector takes 4 MiB unless told otherwise.
    interval: seconds between looks for new records when everything is shipped.
    timeout: seconds for an export. maximum_backoff: the longest pause, in seconds, between attempts.
    """

    endpoint: str
    insecure: bool = False
    ca_certificates: FileContent | None = None
    client_certificate: ShipCertificate | None = None
    headers: dict[Annotated[str, AfterValidator(_header_name)], Annotated[SecretStr, AfterValidator(_header_value)]] = (
        Field(default={}, repr=False)
    )
    rewind: float = Field(default=10.0, gt=0, le=3600)
    batch_records: int = Field(default=500, ge=1, le=10_000)
    batch_bytes: int = Field(default=1_000_000, ge=1000, le=64_000_000)
    interval: float = Field(default=0.25, gt=0, le=60)
    timeout: float = Field(default=10.0, gt=0, le=600)
    maximum_backoff: float = Field(default=30.0, gt=0, le=3600)

    _accept_text = field_validator("ca_certificates", mode="before")(as_bytes)

    @field_validator("ca_certificates")
    @classmethod
    def _holds_certificates(cls, value: FileContent | None) -> FileContent | None:
        if value is not None:
            pem.certificates(value.get_secret_value())
        return value

    @field_validator("endpoint")
    @classmethod
    def _valid_endpoint(cls, value: str) -> str:
        if _endpoint(value) is None:
            raise ValueError("must be http://HOST:PORT or https://HOST:PORT in printable ASCII, and nothing more")
        return value

    def model_post_init(self, _context: Any) -> None:
        """Records and headers cross a network only under TLS, unless that is given up in so many words."""
        if self.secure:
            if self.insecure:
                raise ValueError("insecure goes with an http:// endpoint")
            return
        if self.ca_certificates is not None or self.client_certificate is not None:
            raise ValueError("ca_certificates and client_certificate go with an https:// endpoint")
        if not self.insecure and not is_loopback(self._parts.hostname or ""):
            raise ValueError("an http:// endpoint beyond loopback needs insecure: true")

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.endpoint)

    @property
    def secure(self) -> bool:
        """Whether the connection is made under TLS."""
        return self._parts.scheme == "https"

    @property
    def target(self) -> str:
        """HOST:PORT, an IPv6 address in brackets."""
        return self._parts.netloc


def _endpoint(text: str) -> SplitResult | None:
    """What `urlsplit` says of texts that are no URL can quote them."""
    if not (text.isascii() and text.isprintable()) or any(character in text for character in " ?#@\\"):
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and bool(parts.port) and not parts.path
    except ValueError:
        return None
    return parts if usable else None
