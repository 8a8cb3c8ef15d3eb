"""A PKCS#12 reader that distinguishes a wrong password from an unreadable file.

`cryptography` reads the file but blocks the interpreter during the file's key derivations. Therefore, their rounds are
counted first, and files with too many are rejected. It also reports a wrong password and an invalid file in the same
way. If it fails, the file's integrity check (RFC 7292, section 4) is computed here: it matches exactly if the password
is correct. BER with indefinite lengths, which some browsers write, is rejected, because its derivations cannot be
counted. Derivations inside encrypted content cannot be counted either; no known program nests them.
"""

import hashlib
import hmac

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.emulators.asteria import der
from gateway.emulators.parsing import UnreadableError, parsing

_PFX_ELEMENTS_WITH_MAC = 3
_MAC_KEY_PURPOSE = 3
_MAXIMUM_ROUNDS = 600_000
# The derivations of one identity: integrity check, certificates, and key.
_MAXIMUM_ROUNDS_IN_ALL = 3 * _MAXIMUM_ROUNDS
_DATA = der.encode_oid("1.2.840.113549.1.7.1")
_SCRYPT = der.encode_oid("1.3.6.1.4.1.11591.4.11")
_DIGESTS = {
    der.encode_oid("1.2.840.113549.2.5"): "md5",
    der.encode_oid("1.3.14.3.2.26"): "sha1",
    der.encode_oid("2.16.840.1.101.3.4.2.4"): "sha224",
    der.encode_oid("2.16.840.1.101.3.4.2.1"): "sha256",
    der.encode_oid("2.16.840.1.101.3.4.2.2"): "sha384",
    der.encode_oid("2.16.840.1.101.3.4.2.3"): "sha512",
}


class Pkcs12Error(ValueError):
    """The file is not a readable PKCS#12 file with a private key and its certificate."""


class Pkcs12PasswordError(Pkcs12Error):
    """The password is wrong."""


def read(data: bytes, password: str) -> tuple[PrivateKeyTypes, x509.Certificate, list[x509.Certificate]]:
    """Return the private key, its certificate, and the other certificates in the file."""
    _check_rounds(data)
    try:
        with parsing("the file"):
            content = pkcs12.load_pkcs12(data, password.encode())
    except UnreadableError as error:
        raise _why(data, password) from error
    if content.key is None or content.cert is None:
        raise Pkcs12Error("the file contains no private key with a certificate")
    return content.key, content.cert.certificate, [each.certificate for each in content.additional_certs]


def _check_rounds(data: bytes) -> None:
    """Reject a file whose key derivations take too long."""
    try:
        rounds = _rounds(data)
    except der.DerError as error:
        raise Pkcs12Error(f"the file is not PKCS#12 in DER: {error}") from error
    if max(rounds, default=0) > _MAXIMUM_ROUNDS or sum(rounds) > _MAXIMUM_ROUNDS_IN_ALL:
        raise Pkcs12Error("the key derivation has too many iterations")


def _rounds(data: bytes) -> list[int]:
    """Return the iteration counts of all key derivations in the file."""
    mac = _mac(data)
    rounds = [] if mac is None else [_mac_rounds(mac[0])]
    waiting = [der.single(data, der.SEQUENCE)]
    while waiting:
        element = waiting.pop()
        if not element.is_constructed:
            continue
        children = element.children()
        waiting += children
        if len(children) < len(("identifier", "parameters")) or children[0].tag != der.OID:
            continue
        # OpenSSL accepts non-minimal encodings of an identifier, so compare the content only.
        identifier, parameters = der.encode(der.OID, children[0].content), children[1]
        if identifier == _DATA and parameters.tag == der.CONTEXT_0:
            waiting += der.elements(parameters.children(at_least=1)[0].expect(der.OCTET_STRING).content)
        elif identifier == _SCRYPT:
            raise der.DerError("key derivation with scrypt is not supported")
        elif parameters.tag == der.SEQUENCE:
            # PBKDF2 and all older derivations: the salt, the rounds, and what differs.
            rounds += [each.number for each in parameters.children()[1:2] if each.tag == der.INTEGER]
    return rounds


def _why(data: bytes, password: str) -> Pkcs12Error:
    """Return the reason why a file could not be loaded."""
    try:
        mac = _mac(data)
        if mac is None or not _fits(mac, password):
            return Pkcs12PasswordError("the file cannot be opened with this password")
    except der.DerError as error:
        return Pkcs12Error(f"the file is not PKCS#12: {error}")
    return Pkcs12Error("the password is right, but the content is not supported")


def _mac(data: bytes) -> tuple[der.Element, bytes] | None:
    """Return the MacData element and the bytes that it covers; None for a file without one."""
    parts = der.single(data, der.SEQUENCE).children(at_least=2)
    parts[0].expect(der.INTEGER)
    content_info = parts[1].expect(der.SEQUENCE).children(at_least=2)
    if len(parts) < _PFX_ELEMENTS_WITH_MAC:
        return None
    explicit = content_info[1].children(at_least=1)[0]
    return parts[2].expect(der.SEQUENCE), explicit.expect(der.OCTET_STRING).content


def _fits(mac: tuple[der.Element, bytes], password: str) -> bool:
    digest_info, salt = mac[0].children(at_least=2)[:2]
    algorithm, expected = digest_info.expect(der.SEQUENCE).children(at_least=2)[:2]
    name = _DIGESTS.get(algorithm.children(at_least=1)[0].encoded)
    if name is None:
        raise der.DerError("the integrity check is not supported")
    key = _mac_key(name, password, salt.content, _mac_rounds(mac[0]))
    return hmac.compare_digest(hmac.digest(key, mac[1], name), expected.content)


def _mac_rounds(mac: der.Element) -> int:
    rounds = mac.children(at_least=2)[2:]
    return rounds[0].expect(der.INTEGER).number if rounds else 1


def _mac_key(name: str, password: str, salt: bytes, iterations: int) -> bytes:
    """Return the MAC key: the key derivation of RFC 7292, appendix B.2, for a single block."""
    block = hashlib.new(name, usedforsecurity=False).block_size
    characters = (password + "\0").encode("utf-16-be", "surrogatepass")
    state = bytes([_MAC_KEY_PURPOSE]) * block + _fill(salt, block) + _fill(characters, block)
    for _ in range(iterations):
        state = hashlib.new(name, state, usedforsecurity=False).digest()
    return state


def _fill(text: bytes, block: int) -> bytes:
    """Return the text repeated to a multiple of the block size."""
    length = -(-len(text) // block) * block
    return (text * (length // max(len(text), 1) + 1))[:length]
