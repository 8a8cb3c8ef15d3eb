"""The files of a version: PEM, PKCS#12 key stores, and PKCS#12 trust stores."""

import grp
import hashlib
import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from keyway.agent.material import Material, MaterialError


class OutputFormat(Enum):
    """The format of a file."""

    PEM = "pem"
    PKCS12 = "pkcs12"
    TRUST_STORE = "pkcs12-trust-store"


class Part(Enum):
    """A part of a PEM file. CHAIN: the issuers, without the certificate. AUTHORITIES: the trust bundle."""

    CERTIFICATE = "certificate"
    CHAIN = "chain"
    PRIVATE_KEY = "private_key"
    AUTHORITIES = "authorities"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file in the directory. mode: permission bits. owner, group: names or numbers; None keeps the agent's.

    parts: of a PEM file. password_file, alias: of a PKCS#12 file.
    """

    file: str
    format: OutputFormat
    parts: tuple[Part, ...]
    mode: int
    owner: str | None
    group: str | None
    password_file: Path | None
    alias: str

    @property
    def is_private(self) -> bool:
        """Whether the file contains the private key."""
        return self.format is OutputFormat.PKCS12 or Part.PRIVATE_KEY in self.parts

    def content(self, material: Material) -> bytes:
        """Return the bytes of the file. Raises MaterialError, or OSError for the password file."""
        if self.format is OutputFormat.PEM:
            return b"".join(_pem(part, material) for part in self.parts)
        if self.format is OutputFormat.PKCS12:
            return self._key_store(material)
        named = [pkcs12.PKCS12Certificate(each, f"{self.alias}-{number}".encode())
                 for number, each in enumerate(_bundle(material), 1)]  # fmt: skip
        return pkcs12.serialize_java_truststore(named, self._encryption())

    def _key_store(self, material: Material) -> bytes:
        encryption = self._encryption()
        try:
            return pkcs12.serialize_key_and_certificates(
                self.alias.encode(),
                material.key,  # type: ignore[arg-type] # a key of an unsupported kind raises TypeError
                material.leaf,
                material.chain[1:],
                encryption,
            )
        except (TypeError, ValueError, UnsupportedAlgorithm):
            raise MaterialError("PKCS#12 cannot contain a private key of this kind") from None

    def _encryption(self) -> BestAvailableEncryption:
        assert self.password_file is not None
        return BestAvailableEncryption(first_line(self.password_file))

    def apply_permissions(self, descriptor: int) -> None:
        """Set owner, group, and mode of an open file. Raises OSError, or MaterialError for an unknown name."""
        found = os.fstat(descriptor)
        owner, group = _user_id(self.owner, found.st_uid), _group_id(self.group, found.st_gid)
        if (owner, group) != (found.st_uid, found.st_gid):
            os.fchown(descriptor, owner, group)
        os.fchmod(descriptor, self.mode)


def first_line(path: Path) -> bytes:
    """Return the password in the first line of a file. Raises MaterialError if it is empty."""
    found = path.read_bytes().partition(b"\n")[0].removesuffix(b"\r")
    if not found:
        raise MaterialError(f"{path}: the first line, which contains the password, is empty")
    return found


def layout(outputs: Sequence[OutputFile]) -> str:
    """Return a hash of the names and contents of the files, which changes when the files must be written again."""
    words = [
        [each.file, each.format.value, *(part.value for part in each.parts), str(each.password_file), each.alias]
        for each in outputs
    ]
    return hashlib.sha256(repr(words).encode()).hexdigest()


_KEY: Final = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _pem(part: Part, material: Material) -> bytes:
    if part is Part.PRIVATE_KEY:
        assert material.key is not None
        return material.key.private_bytes(*_KEY)
    if part is Part.AUTHORITIES:
        several = _bundle(material)
    else:
        several = material.chain[:1] if part is Part.CERTIFICATE else material.chain[1:]
    return b"".join(each.public_bytes(Encoding.PEM) for each in several)


def _bundle(material: Material) -> tuple[x509.Certificate, ...]:
    """Return the trust bundle: the configured authorities, or else the issuers of the certificate."""
    found = tuple(dict.fromkeys(material.authorities or material.chain[1:]))
    if not found:
        raise MaterialError("no certificate for the trust bundle: the chain has no issuer, and `authorities` is empty")
    return found


def _user_id(name: str | None, default: int) -> int:
    if name is None:
        return default
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise MaterialError(f"this machine has no user {name!r}") from None


def _group_id(name: str | None, default: int) -> int:
    if name is None:
        return default
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise MaterialError(f"this machine has no group {name!r}") from None
