"""A reader for Java key stores of type JKS: private keys with their chains, and trusted certificates.

It neither parses certificates nor loads keys. JCEKS and BKS are rejected. The layout is that of the JDK's
`JavaKeyStore`; keys are protected with Sun's `KeyProtector` algorithm. Both use SHA-1 and are outdated, but such files
still exist. Input is untrusted: every length is checked before use, and no count leads to an allocation.
"""

import hashlib
import hmac
from dataclasses import dataclass

from gateway.emulators.asteria import der

MAGIC = b"\xfe\xed\xfe\xed"
JCEKS_MAGIC = b"\xce\xce\xce\xce"

_KEY_PROTECTOR = "1.3.6.1.4.1.42.2.17.1.1"
_PRIVATE_KEY, _TRUSTED_CERTIFICATE = 1, 2
_VERSION_1, _VERSION_2 = 1, 2
_CERTIFICATE_TYPE = "X.509"
_DIGEST_BYTES = 20
_TIME_BYTES = 8
# The JDK adds this constant between password and content.
_DIGEST_CONSTANT = b"Mighty Aphrodite"


class JksError(ValueError):
    """The file is not a readable JKS file."""


class JksPasswordError(JksError):
    """The password is wrong or the file was changed: the format cannot distinguish them."""


@dataclass(frozen=True, slots=True)
class PrivateKeyEntry:
    """An encrypted private key with its chain (DER, leaf first)."""

    alias: str
    protected_key: bytes
    chain: tuple[bytes, ...]

    def private_key(self, password: str) -> bytes:
        """Return the key as PKCS#8 DER. The key can have its own password; keytool uses the store's by default."""
        return _recover(self.protected_key, _characters(password))


@dataclass(frozen=True, slots=True)
class TrustedCertificateEntry:
    """A certificate without a key (DER)."""

    alias: str
    certificate: bytes


Entry = PrivateKeyEntry | TrustedCertificateEntry


def read(data: bytes, password: str) -> tuple[Entry, ...]:
    """Return all entries, in the file's order, after the integrity check."""
    if data.startswith(JCEKS_MAGIC):
        raise JksError("the file is a JCEKS key store; convert it to PKCS#12")
    if not data.startswith(MAGIC):
        raise JksError("the file is not a JKS key store")
    content, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    entries = _entries(_Reader(content[len(MAGIC) :]))
    expected = _sha1(_characters(password), _DIGEST_CONSTANT, content)
    if not hmac.compare_digest(expected, digest):
        raise JksPasswordError("the password is wrong, or the file was changed")
    return entries


class _Reader:
    """A bounds-checked reading position in bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)

    def take(self, length: int) -> bytes:
        end = self._position + length
        if end > len(self._data):
            raise JksError("the last entry of the file is incomplete")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def block(self) -> bytes:
        return self.take(self.number(4))

    def text(self) -> str:
        """Java's modified UTF-8: NUL in two bytes, and surrogates one by one."""
        encoded = self.take(self.number(2)).replace(b"\xc0\x80", b"\0")
        try:
            halves = encoded.decode("utf-8", "surrogatepass")
            return halves.encode("utf-16-be", "surrogatepass").decode("utf-16-be")
        except UnicodeError as error:
            raise JksError("a name is not valid text") from error


def _entries(reader: _Reader) -> tuple[Entry, ...]:
    version = reader.number(4)
    if version not in (_VERSION_1, _VERSION_2):
        raise JksError(f"unknown version {version}")
    # Each iteration consumes bytes, so a wrong count ends at the end of the file.
    entries = tuple(_entry(reader, version) for _ in range(reader.number(4)))
    if not reader.at_end:
        raise JksError("data follows the last entry")
    return entries


def _entry(reader: _Reader, version: int) -> Entry:
    tag, alias = reader.number(4), reader.text()
    reader.take(_TIME_BYTES)
    if tag == _PRIVATE_KEY:
        key = reader.block()
        chain = tuple(_certificate(reader, version) for _ in range(reader.number(4)))
        return PrivateKeyEntry(alias, key, chain)
    if tag == _TRUSTED_CERTIFICATE:
        return TrustedCertificateEntry(alias, _certificate(reader, version))
    raise JksError(f"unknown entry type {tag}")


def _certificate(reader: _Reader, version: int) -> bytes:
    kind = _CERTIFICATE_TYPE if version == _VERSION_1 else reader.text()
    if kind != _CERTIFICATE_TYPE:
        raise JksError("a certificate is not X.509")
    return reader.block()


def _recover(protected: bytes, password: bytes) -> bytes:
    """Reverse Sun's KeyProtector: a SHA-1 key stream over the key, then a SHA-1 check of the result."""
    sealed = _unwrap(protected)
    salt, body, check = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:-_DIGEST_BYTES], sealed[-_DIGEST_BYTES:]
    stream = bytearray()
    block = salt
    while len(stream) < len(body):
        block = _sha1(password, block)
        stream += block
    key = bytes(left ^ right for left, right in zip(body, stream, strict=False))
    if not hmac.compare_digest(_sha1(password, key), check):
        raise JksPasswordError("the password of the private key is wrong")
    return key


def _unwrap(protected: bytes) -> bytes:
    """Return the protected bytes of an EncryptedPrivateKeyInfo."""
    try:
        algorithm, sealed = der.single(protected, der.SEQUENCE).children(at_least=2)[:2]
        identifier = algorithm.expect(der.SEQUENCE).children(at_least=1)[0]
        content = sealed.expect(der.OCTET_STRING).content
    except der.DerError as error:
        raise JksError(f"a private key entry is not EncryptedPrivateKeyInfo: {error}") from error
    if identifier.encoded != der.encode_oid(_KEY_PROTECTOR):
        raise JksError("a private key is encrypted with an unknown algorithm")
    if len(content) < 2 * _DIGEST_BYTES:
        raise JksError("a private key entry is too short")
    return content


def _characters(password: str) -> bytes:
    """Return a password as the JDK hashes it: two bytes per UTF-16 unit."""
    return password.encode("utf-16-be", "surrogatepass")


def _sha1(*parts: bytes) -> bytes:
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()
