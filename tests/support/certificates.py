"""Certificates that openssl creates under a root and an intermediate authority, and the facts that openssl reads.

`read_certificate` fills the contract's message from the output of openssl only. Tests compare it with the gateway.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keyway.v1 import certificate_pb2
from tests.support.openssl import run

_EC: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_RSA: Final = ("-newkey", "rsa:2048", "-nodes")
_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.DOTALL)
_NAMES: Final = ("-nameopt", "RFC2253,utf8,-esc_msb")
_PARTS_BY_LINE: Final = ("-nameopt", "multiline,utf8,-esc_msb,-esc_ctrl")
_HASHES: Final = ("sha1", "md5", "sha256")
_PARTS: Final = {
    "countryName": "country",
    "stateOrProvinceName": "state",
    "localityName": "locality",
    "organizationName": "organization",
    "organizationalUnitName": "organizational_unit",
    "commonName": "common_name",
}
_USES: Final = {
    "Digital Signature": "digital_signature",
    "Non Repudiation": "non_repudiation",
    "Key Encipherment": "key_encipherment",
    "Data Encipherment": "data_encipherment",
    "Key Agreement": "key_agreement",
    "Certificate Sign": "key_cert_sign",
    "CRL Sign": "crl_sign",
    "Encipher Only": "encipher_only",
    "Decipher Only": "decipher_only",
}
_ALGORITHMS: Final = {
    "sha256WithRSAEncryption": "SHA256withRSA",
    "sha384WithRSAEncryption": "SHA384withRSA",
    "ecdsa-with-SHA256": "SHA256withECDSA",
    "ecdsa-with-SHA384": "SHA384withECDSA",
}


@dataclass(frozen=True, slots=True)
class IssuedLeaf:
    """A leaf with its key and its chain up to the root, all in PEM."""

    certificate: Path
    key: Path
    above: tuple[Path, ...]

    @property
    def chain(self) -> list[bytes]:
        """The certificates, leaf first, without the text that openssl can print before them."""
        return [split(path.read_bytes())[0] for path in (self.certificate, *self.above)]

    @property
    def file(self) -> bytes:
        """The file that Certificate Manager stores: the chain, leaf first, then the key."""
        return b"".join(self.chain) + self.key.read_bytes()

    def pkcs12(self, password: str) -> bytes:
        """Return a PKCS#12 file with the key and the chain."""
        above = self.certificate.with_suffix(".above")
        above.write_bytes(b"".join(self.chain[1:]))
        return run(
            *("pkcs12", "-export", "-in", self.certificate, "-inkey", self.key),
            *("-certfile", above, "-passout", f"pass:{password}"),
        )


class Pki:
    """A root, an intermediate authority under it, and the leaves that it issues."""

    def __init__(self, folder: Path, organization: str = "Test Trust") -> None:
        self._folder = folder
        self._organization = organization
        self.root, self._root_key = folder / "root.pem", folder / "root.key"
        run(
            *("req", "-x509", *_EC, "-days", "30", "-subj", f"/C=KR/O={organization}/CN=Test Root"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-out", self.root, "-keyout", self._root_key),
        )
        self._authority = self._issue(
            "authority",
            f"/C=KR/O={organization}/CN=Test Authority",
            ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"),
            issuer=(self.root, self._root_key),
        )

    def issue(
        self, name: str, subject: str, *extensions: str, options: Sequence[str] = (), rsa: bool = True
    ) -> IssuedLeaf:
        """Issue a leaf. subject: in the form of `openssl req -subj`; extensions: lines of an extension file."""
        certificate = self._issue(
            name,
            subject,
            ("basicConstraints=CA:FALSE", *extensions),
            issuer=(self._authority, self._folder / "authority.key"),
            options=options,
            key=_RSA if rsa else _EC,
        )
        return IssuedLeaf(certificate, self._folder / f"{name}.key", (self._authority, self.root))

    def _issue(
        self,
        name: str,
        subject: str,
        extensions: Sequence[str],
        *,
        issuer: tuple[Path, Path],
        options: Sequence[str] = (),
        key: Sequence[str] = _EC,
    ) -> Path:
        request, lines, certificate = (self._folder / f"{name}.{suffix}" for suffix in ("csr", "ext", "pem"))
        lines.write_text("".join(f"{line}\n" for line in extensions), encoding="utf-8")
        run("req", *key, "-utf8", "-subj", subject, "-out", request, "-keyout", self._folder / f"{name}.key")
        run(
            *("x509", "-req", "-days", "20", "-CAcreateserial", *options),
            *("-in", request, "-CA", issuer[0], "-CAkey", issuer[1], "-extfile", lines, "-out", certificate),
        )
        return certificate


def split(content: bytes) -> list[bytes]:
    """Split a PEM file into its certificates."""
    return _BLOCK.findall(content)


def verifies(chain: Sequence[bytes], root: bytes, folder: Path, *, expired: bool = False) -> bool:
    """Return whether `openssl verify` finds a path from the first certificate to the root."""
    paths = [folder / name for name in ("leaf.pem", "untrusted.pem", "root.pem")]
    for path, content in zip(paths, (chain[0], b"".join(chain[1:]) or chain[0], root), strict=True):
        path.write_bytes(content)
    options = ("-no_check_time",) if expired else ()
    printed = run("verify", *options, "-CAfile", paths[2], "-untrusted", paths[1], paths[0])
    return printed.decode() == f"{paths[0]}: OK\n"


def public_key(certificate: bytes) -> bytes:
    """Return the public key of the certificate in PEM."""
    return run("x509", "-noout", "-pubkey", data=certificate)


def read_certificate(chain: Sequence[bytes]) -> certificate_pb2.Certificate:
    """Return everything that openssl reads from a chain of PEM texts, leaf first."""
    leaf = chain[0]
    facts = _facts(leaf, "-subject", "-issuer", "-serial", "-startdate", "-enddate", "-dateopt", "iso_8601", *_NAMES)
    parts = run("x509", "-noout", "-subject", "-issuer", *_PARTS_BY_LINE, data=leaf).decode()
    subject, _, issuer = parts.partition("issuer=")
    message = certificate_pb2.Certificate(
        subject=_name(facts["subject"], subject),
        issuer=_name(facts["issuer"], issuer),
        serial_number=str(int(facts["serial"], 16)),
        fingerprints=certificate_pb2.Fingerprints(
            **{each: _facts(leaf, "-fingerprint", f"-{each}")[f"{each} Fingerprint"].lower() for each in _HASHES}
        ),
        chain=[facts["subject"], *(_facts(each, "-subject", *_NAMES)["subject"] for each in chain[1:])],
    )
    message.not_before.FromJsonString(facts["notBefore"].replace(" ", "T"))
    message.not_after.FromJsonString(facts["notAfter"].replace(" ", "T"))
    text = run("x509", "-noout", "-text", data=leaf).decode()
    message.version = _found(r"Version: (\d+) ", text)
    message.signature_algorithm = _ALGORITHMS[_found(r"Signature Algorithm: (\S+)", text)]
    uses = re.search(r"X509v3 Key Usage:.*\n\s+(.*)", text)
    if uses is not None:
        message.key_usage.CopyFrom(certificate_pb2.KeyUsage(**{_USES[use.strip()]: True for use in uses[1].split(",")}))
    message.domains[:] = re.findall(r"DNS:([^,\s]+)", text) or [message.subject.common_name]
    return message


def _name(text: str, lines: str) -> certificate_pb2.DistinguishedName:
    message = certificate_pb2.DistinguishedName(text=text)
    for key, value in re.findall(r"^\s+(\w+)\s+= (.*)$", lines, re.MULTILINE):
        if key in _PARTS and not getattr(message, _PARTS[key]):
            setattr(message, _PARTS[key], value)
    return message


def _facts(certificate: bytes, *options: str) -> dict[str, str]:
    """Return the output of openssl as lines."""
    lines = run("x509", "-noout", *options, data=certificate).decode().splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]
