"""Settings of the `audit.ship` section: the collector, and how records are shipped to it."""

import re
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, Field, SecretStr, field_validator

from gateway import pem
from gateway.config.base import FileContent, Settings, as_bytes, is_loopback
from gateway.config.grpc_ca_certificates import GrpcCaCertificates
from gateway.grpc_trial import check_server

_HEADER_NAME: Final = re.compile(r"[a-z0-9_.-]+")
_RESERVED: Final = ("grpc-", ":")


class ShipCertificate(Settings):
    """The certificate that the shipper presents to the collector."""

    certificate: FileContent = Field(description="PEM certificate with its chain.")
    private_key: FileContent = Field(description="PEM private key of the certificate, without a password.")

    _accept_text = field_validator("certificate", "private_key", mode="before")(as_bytes)

    @field_validator("certificate")
    @classmethod
    def _holds_certificates(cls, value: FileContent) -> FileContent:
        pem.certificates(value.get_secret_value())
        return value

    @field_validator("private_key")
    @classmethod
    def _holds_a_key(cls, value: FileContent) -> FileContent:
        _public_key(value)
        return value

    def model_post_init(self, _context: Any) -> None:
        """Reject a key that does not match the certificate, which otherwise shows only as failing handshakes."""
        chain = pem.certificates(self.certificate.get_secret_value())
        if _public_key(self.private_key) != chain[0].public_key:
            raise ValueError("private_key does not match certificate")
        check_server(tuple(chain), pem.private_key(self.private_key.get_secret_value()))


def _public_key(private_key: FileContent) -> object:
    """Return the public key of a private key. Raises ValueError if the file is no private key without a password."""
    try:
        return load_pem_private_key(pem.private_key(private_key.get_secret_value()), None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("cannot be read; it must be a PEM key without a password") from None


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value) or value.startswith(_RESERVED) or value.endswith("-bin"):
        raise ValueError("must be a lower-case header name, not reserved by gRPC (grpc-…) and not binary (…-bin)")
    return value


def _header_value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be printable ASCII")
    return value


class ShipSettings(Settings):
    """The collector that receives the journal, and the behavior of the shipper."""

    endpoint: str = Field(
        description=(
            "OTLP/gRPC endpoint of the collector: https://HOST:PORT. http:// requires a loopback address or insecure. "
            "The connection must end at the collector itself, not at a load balancer (docs/decisions/0008)."
        )
    )
    insecure: bool = Field(default=False, description="Accept an http:// endpoint that is not a loopback address.")
    ca_certificates: GrpcCaCertificates | None = Field(
        default=None, description="PEM CA bundle used to verify the collector. Default: the system's."
    )
    client_certificate: ShipCertificate | None = Field(
        default=None, description="Certificate that the shipper presents to the collector."
    )
    headers: dict[Annotated[str, AfterValidator(_header_name)], Annotated[SecretStr, AfterValidator(_header_value)]] = (
        Field(
            default={},
            repr=False,
            description="Headers sent with every export, such as authorization. Values are secret.",
        )
    )
    rewind: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description=(
            "Waiting period after an acknowledgment, in seconds. A record counts as shipped when the connection has "
            "stayed open for this period. If the connection breaks earlier, the shipper sends the record again. Must "
            "be longer than the flush interval of the collector's exporters."
        ),
    )
    batch_records: int = Field(default=500, ge=1, le=10_000, description="Maximum number of records in one export.")
    batch_bytes: int = Field(
        default=1_000_000,
        ge=1000,
        le=64_000_000,
        description="Maximum size of one export, in bytes. A collector accepts 4 MiB by default.",
    )
    interval: float = Field(
        default=0.25,
        gt=0,
        le=60,
        description="Polling interval for new records, in seconds, when all records are shipped.",
    )
    timeout: float = Field(default=10.0, gt=0, le=600, description="Time limit of one export, in seconds.")
    maximum_backoff: float = Field(
        default=30.0, gt=0, le=3600, description="Maximum pause between two attempts, in seconds."
    )

    @field_validator("endpoint")
    @classmethod
    def _valid_endpoint(cls, value: str) -> str:
        if _endpoint(value) is None:
            raise ValueError("must be http://HOST:PORT or https://HOST:PORT in printable ASCII, and nothing more")
        return value

    def model_post_init(self, _context: Any) -> None:
        """Require TLS for records and headers that leave this machine, unless `insecure` is set."""
        if self.secure:
            if self.insecure:
                raise ValueError("insecure requires an http:// endpoint")
            return
        if self.ca_certificates is not None or self.client_certificate is not None:
            raise ValueError("ca_certificates and client_certificate require an https:// endpoint")
        if not self.insecure and not is_loopback(self._parts.hostname or ""):
            raise ValueError("an http:// endpoint that is not a loopback address requires insecure: true")

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.endpoint)

    @property
    def secure(self) -> bool:
        """Whether the connection uses TLS."""
        return self._parts.scheme == "https"

    @property
    def target(self) -> str:
        """HOST:PORT; an IPv6 address is in brackets."""
        return self._parts.netloc


def _endpoint(text: str) -> SplitResult | None:
    """Return the parsed URL, or None. Messages of `urlsplit` can quote the text, so they are not shown."""
    if not (text.isascii() and text.isprintable()) or any(character in text for character in " ?#@\\"):
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and bool(parts.port) and not parts.path
    except ValueError:
        return None
    return parts if usable else None
