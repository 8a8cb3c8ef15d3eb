"""A fitting name for a file that is sent without one."""

from typing import Final

_JAVA_KEYSTORES: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")  # JKS, JCEKS
_PKCS7_TYPE: Final = bytes.fromhex("06092a864886f70d010702")  # the object identifier of signed data
_PKCS7_HEADER_BYTES: Final = 32


def for_keystore(content: bytes) -> str:
    """A name for a key store file: `.jks` where it is one of Java's, else `.p12`."""
    return "keystore.jks" if content.startswith(_JAVA_KEYSTORES) else "keystore.p12"


def for_certificates(stem: str, content: bytes) -> str:
    """A name for a file of certificates, with the ending that fits: `.p7b`, `.pem` or `.der`."""
    if b"-----BEGIN PKCS7-----" in content or _PKCS7_TYPE in content[:_PKCS7_HEADER_BYTES]:
        return f"{stem}.p7b"
    return f"{stem}.pem" if b"-----BEGIN " in content else f"{stem}.der"
