"""The default seed: three users, a server certificate with its chain and CSR, and two authorities in each trust store.

Names, aliases, and passwords are fixed; each installation generates its own keys.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.emulators.asteria import certificates, issuing
from gateway.emulators.asteria.sealing import Passwords
from gateway.emulators.asteria.seed import KeyStorePlan, Plan, UserPlan
from gateway.emulators.asteria.state import Authority, Role, Store

USERS: Final = (
    UserPlan("/keyway", "keyway-demo", Role.ADMINISTRATOR),
    UserPlan("/developer", "developer-demo", Role.DEVELOPER),
    UserPlan("/operator", "operator-demo", Role.OPERATOR),
)
PASSWORDS: Final = Passwords("changeit", "changeit")

_SERVER: Final = {
    "C": "JP", "ST": "Tokyo", "L": "Shibuya-ku", "O": "Keyway Demo", "OU": "Integration", "CN": "warp.keyway.example",
}  # fmt: skip
_ISSUING: Final = {"C": "JP", "O": "Keyway Demo", "CN": "Keyway Demo Issuing CA"}
_ROOT: Final = {"C": "JP", "O": "Keyway Demo", "CN": "Keyway Demo Root CA"}
_PARTNER_ROOT: Final = {"C": "KR", "O": "Keyway Partner", "CN": "Keyway Partner Root CA"}
_CLIENT_ROOT: Final = {"C": "JP", "O": "Keyway Demo", "OU": "Clients", "CN": "Keyway Demo Client CA"}
_JAPANESE_ROOT: Final = {"C": "JP", "ST": "東京都", "O": "株式会社キーウェイ", "CN": "キーウェイ認証局"}

ALIASES: Final = {
    "client root": "0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01",
    "japanese root": "0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a02",
    "root": "0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a03",
    "partner root": "0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a04",
}

_SERVER_DAYS: Final = 397
_AUTHORITY_DAYS: Final = 3650
_NO_USAGE: Final = dict.fromkeys(
    ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
     "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Identity:
    """A certificate with its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def plan(now: dt.datetime) -> Plan:
    """Return the default set, valid from the midnight before yesterday."""
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=1)
    root = _authority(_ROOT, start)
    issuing_authority = _authority(_ISSUING, start, root)
    server = _server(issuing_authority, start)
    chain = (server.certificate, issuing_authority.certificate, root.certificate)
    return Plan(
        list(USERS),
        {Store.SERVER: KeyStorePlan(server.key, chain, _csr(server.key), PASSWORDS)},
        {
            Store.SERVER: [
                _trusted("client root", _authority(_CLIENT_ROOT, start)),
                _trusted("japanese root", _authority(_JAPANESE_ROOT, start)),
            ],
            Store.CLIENT: [_trusted("root", root), _trusted("partner root", _authority(_PARTNER_ROOT, start))],
        },
    )


def _trusted(alias: str, identity: _Identity) -> Authority:
    return Authority(ALIASES[alias], certificates.to_der(identity.certificate))


def _authority(subject: Mapping[str, str], start: dt.datetime, issuer: _Identity | None = None) -> _Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_name = issuing.name_of(subject) if issuer is None else issuer.certificate.subject
    builder = _builder(subject, key, start, _AUTHORITY_DAYS).issuer_name(issuer_name)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = _NO_USAGE | {"key_cert_sign": True, "crl_sign": True}
    builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    signer = key if issuer is None else issuer.key
    return _Identity(key, builder.sign(signer, hashes.SHA256()))


def _server(issuer: _Identity, start: dt.datetime) -> _Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_SERVER, key, start, _SERVER_DAYS).issuer_name(issuer.certificate.subject)
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.KeyUsage(**_NO_USAGE | {"digital_signature": True}), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName([x509.DNSName(_SERVER["CN"])]), False),
    ):
        builder = builder.add_extension(extension, critical)
    return _Identity(key, builder.sign(issuer.key, hashes.SHA256()))


def _builder(
    subject: Mapping[str, str], key: ec.EllipticCurvePrivateKey, start: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(issuing.name_of(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _csr(key: ec.EllipticCurvePrivateKey) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(issuing.name_of(_SERVER))
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
