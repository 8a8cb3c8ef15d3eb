"""Issuers for identity tests: certificates with arbitrary names, and signed tokens with their JWK sets."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.x509.oid import NameOID
from jwt.algorithms import get_default_algorithms

from tests.support.x509_chain import NOT_BEFORE, PrivateKey, Wanted, authority, key_pem, make, pem

ISSUER = "https://issuer.test"
AUDIENCE = "keyway"
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class CertificateAndKey:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def chain_pem(self) -> bytes:
        return pem(self.certificate)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key, PrivateFormat.PKCS8)

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write the certificate and the key, and return the paths."""
        files = folder / f"{name}.pem", folder / f"{name}.key"
        files[0].write_bytes(self.chain_pem)
        files[1].write_bytes(self.key_pem)
        return files


class CertificateAuthority:
    """A certificate authority that issues certificates for elliptic-curve keys."""

    def __init__(self, name: str = "Test CA") -> None:
        self._name = common_name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        wanted = Wanted(self._name, (authority(),), serial_number=x509.random_serial_number())
        self.certificate = make(wanted, self._key, self._name, self._key)
        self.pem = pem(self.certificate)
        self.credentials = CertificateAndKey(self.certificate, self._key)

    def issue(
        self,
        subject: str | Sequence[str] = "",
        *,
        uris: Sequence[str] = (),
        hosts: Sequence[str] = (),
        addresses: Sequence[str] = (),
        expires_in: timedelta = HOUR,
        not_before: datetime = NOT_BEFORE,
        extensions: tuple[x509.ExtensionType, ...] = (),
        key: PrivateKey | None = None,
    ) -> CertificateAndKey:
        """Issue a leaf certificate with these names. subject: its common names."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [uri_name(uri) for uri in uris]
        names += [x509.DNSName(host) for host in hosts]
        names += [x509.IPAddress(ip_address(address)) for address in addresses]
        if names:
            extensions = (x509.SubjectAlternativeName(names), *extensions)
        wanted = Wanted(
            common_name(*([subject] if isinstance(subject, str) else subject)),
            extensions,
            not_after=datetime.now(UTC) + expires_in,
            not_before=not_before,
            serial_number=x509.random_serial_number(),
        )
        return CertificateAndKey(make(wanted, key, self._name, self._key), key)

    def server(self, **options: Any) -> CertificateAndKey:
        """Issue a server certificate for this machine."""
        return self.issue("server", hosts=["localhost"], addresses=["127.0.0.1"], **options)


def common_name(*names: str) -> x509.Name:
    """Return a distinguished name of these common names. It is empty if the only one is empty."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names if name])


def uri_name(uri: str) -> x509.GeneralName:
    """Return a URI name, which can be invalid."""
    return x509.UniformResourceIdentifier._init_without_validation(uri)


class TokenIssuer:
    """A token issuer with one signing key at a time and a set of published public keys."""

    def __init__(self, key: PrivateKey | None = None, *, algorithm: str = "ES256", key_id: str = "k1") -> None:
        self.key: Any = key or ec.generate_private_key(ec.SECP256R1())
        self.algorithm = algorithm
        self.key_id = key_id

    def public(self, **changes: Any) -> dict[str, Any]:
        """Return the public key as a JWK. A change to None removes a member."""
        kind = get_default_algorithms()[self.algorithm]
        member = json.loads(kind.to_jwk(self.key.public_key()))
        member = {**member, "kid": self.key_id, "use": "sig", "alg": self.algorithm, **changes}
        member.pop("key_ops", None) if "key_ops" not in changes else None
        return {name: value for name, value in member.items() if value is not None}

    def jwks(self, *others: "TokenIssuer") -> bytes:
        """Return the set of published keys as JSON."""
        return jwks(self.public(), *(other.public() for other in others))

    def token(
        self, claims: dict[str, Any] | None = None, *, headers: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        """Return a token that is valid except for the changes. A change to None removes a claim."""
        now = int(time.time())
        claims = claims or {"iss": ISSUER, "aud": AUDIENCE, "sub": "orders", "iat": now, "exp": now + 600, **changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.key, self.algorithm, headers={"kid": self.key_id, **(headers or {})})


def jwks(*members: dict[str, Any]) -> bytes:
    """Return a set of these keys as JSON."""
    return json.dumps({"keys": members}).encode()
