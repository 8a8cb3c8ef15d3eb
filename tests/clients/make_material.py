"""Generator of the certificates and keys for the conformance cases. They are valid for a hundred years.

Run: .venv/bin/python -m tests.clients.make_material
"""

import datetime as dt
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

MATERIAL = Path(__file__).parent / "material"
BEGIN, END = dt.datetime(2025, 1, 1, tzinfo=dt.UTC), dt.datetime(2124, 12, 31, tzinfo=dt.UTC)


def name(common_name: Any) -> Any:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(subject: Any, key: Any, issuer: Any, issuer_key: Any, *, ca: Any = False) -> Any:
    builder = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(BEGIN).not_valid_after(END)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def pem(made: Any) -> Any:
    return made.public_bytes(Encoding.PEM)


def main() -> None:
    MATERIAL.mkdir(exist_ok=True)
    authority_key, leaf_key, other_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = certificate("Conformance CA", authority_key, "Conformance CA", authority_key, ca=True)
    own = certificate("leaf.example.com", leaf_key, "leaf.example.com", leaf_key)
    signed = certificate("leaf.example.com", leaf_key, "Conformance CA", authority_key)
    other = certificate("other.example.com", other_key, "Conformance CA", authority_key)
    uploaded = certificate("www.example.com", leaf_key, "Conformance CA", authority_key)
    key = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    password = BestAvailableEncryption(b"file-secret")
    files = {
        "authority.pem": pem(authority),
        "leaf.pem": pem(own),
        "leaf-key.pem": key,
        "signed.pem": pem(signed),
        "other.pem": pem(other),
        "upload.pem": pem(uploaded) + pem(authority) + key,
        "leaf.p12": pkcs12.serialize_key_and_certificates(b"leaf", leaf_key, own, None, password),
    }
    for file, content in files.items():
        (MATERIAL / file).write_bytes(content)


if __name__ == "__main__":
    main()
