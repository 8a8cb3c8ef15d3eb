"""Files of the sandbox: a CA, certificates, a token issuer's keys, policies and groups."""

import datetime as dt
import json
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jwt.algorithms import ECAlgorithm

_CALLER: Final = "spiffe://keyway.test/sandbox"
_SUBJECT: Final = "sandbox"
ISSUER: Final = "https://issuer.keyway.test"
AUDIENCE: Final = "keyway"
_KEY_ID: Final = "sandbox"
_VALID: Final = dt.timedelta(days=1)
_EARLIER: Final = dt.timedelta(minutes=5)  # clocks can differ

_POLICIES: Final = f"""
@id("sandbox-callers-do-everything")
permit (principal in Keyway::Group::"sandbox", action, resource);
@id("private-material-is-named")
permit (
  principal in Keyway::Group::"sandbox",
  action in [
    Keyway::Action::"GetSymmetricKey", Keyway::Action::"GetPrivateKey",
    Keyway::Action::"DownloadCertificateWithPrivateKey"
  ],
  resource
);
@id("secrets-need-a-certificate")
permit (principal == Keyway::Caller::"{_CALLER}", action == Keyway::Action::"GetSecret", resource);
"""


def write(folder: Path) -> str:
    """Write CA, certificates, keys, policies and groups into `folder`; return the bearer token."""
    authority = _Authority()
    (folder / "ca.pem").write_bytes(authority.pem)
    hosts: list[x509.GeneralName] = [x509.DNSName("localhost")]
    authority.issue(folder, "server", hosts, ExtendedKeyUsageOID.SERVER_AUTH)
    authority.issue(folder, "client", [x509.UniformResourceIdentifier(_CALLER)], ExtendedKeyUsageOID.CLIENT_AUTH)
    (folder / "policies.cedar").write_text(_POLICIES)
    (folder / "entities.json").write_text(json.dumps(_entities()))
    signing = ec.generate_private_key(ec.SECP256R1())
    public = ECAlgorithm.to_jwk(signing.public_key(), as_dict=True)
    keys = {"keys": [{**public, "kid": _KEY_ID, "use": "sig", "alg": "ES256"}]}
    (folder / "jwks.json").write_text(json.dumps(keys))
    now = dt.datetime.now(dt.UTC)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": _SUBJECT, "iat": now - _EARLIER, "exp": now + _VALID}
    return jwt.encode(claims, signing, "ES256", headers={"kid": _KEY_ID})


def _entities() -> list[dict[str, Any]]:
    """Return the group that both callers belong to."""
    group = {"type": "Keyway::Group", "id": "sandbox"}
    callers = ({"type": "Keyway::Caller", "id": caller} for caller in (_CALLER, f"sub:{_SUBJECT}"))
    return [
        {"uid": group, "attrs": {}, "parents": []},
        *({"uid": caller, "attrs": {}, "parents": [group]} for caller in callers),
    ]


class _Authority:
    """A certificate authority whose certificates are valid for one day."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Keyway sandbox CA")
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(Encoding.PEM)

    def issue(self, folder: Path, name: str, names: list[x509.GeneralName], purpose: x509.ObjectIdentifier) -> None:
        """Write NAME.pem and NAME.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(_named(name), key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        private = folder / f"{name}.key"
        private.touch(0o600)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(issuer_key, critical=False)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
