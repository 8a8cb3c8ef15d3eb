"""Names of files: a fitting one for a file that is sent without, and those that answers give."""

import re
from typing import Final
from urllib.parse import unquote

from gateway.upstream.client import HttpResponse

_JAVA_KEYSTORES: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")  # JKS, JCEKS
_PKCS7_TYPE: Final = bytes.fromhex("06092a864886f70d010702")  # the object identifier of signed data
_PKCS7_HEADER_BYTES: Final = 32
_MAXIMUM_CHARACTERS: Final = 200

_ENDING = re.compile(r"\.(?:pem|der|cer|crt|cert|p7b|p7c|p7s|zip|txt)\Z", re.IGNORECASE)
_EXTENDED = re.compile(r"filename\*\s*=\s*[\w.-]*'[\w-]*'([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r'filename\s*=\s*"([^"]*)"', re.IGNORECASE)
_TOKEN = re.compile(r'filename\s*=\s*([^";\s]+)', re.IGNORECASE)


def for_keystore(content: bytes) -> str:
    """A name for a key store file: `.jks` where it is one of Java's, else `.p12`."""
    return "keystore.jks" if content.startswith(_JAVA_KEYSTORES) else "keystore.p12"


def for_certificates(stem: str, content: bytes) -> str:
    """A name for a file of certificates, with the ending that fits: `.p7b`, `.pem` or `.der`."""
    if b"-----BEGIN PKCS7-----" in content or _PKCS7_TYPE in content[:_PKCS7_HEADER_BYTES]:
        return f"{stem}.p7b"
    return f"{stem}.pem" if b"-----BEGIN " in content else f"{stem}.der"


def with_ending(filename: str, ending: str, default: str) -> str:
    """`filename` with this ending (`.pem`) in the place of its own; `default` where nothing stands before its own."""
    stem = _ENDING.sub("", filename)
    return (stem or default) + ending


def announced_name(response: HttpResponse) -> str:
    """The file name in `Content-Disposition`, which may lack its first word; empty where there is none."""
    header = response.headers.get("Content-Disposition", "")
    extended = _EXTENDED.search(header)
    if extended is not None:
        return safe_name(unquote(extended[1]))
    found = _QUOTED.search(header) or _TOKEN.search(header)
    return safe_name(found[1]) if found is not None else ""


def safe_name(text: str) -> str:
    """`text` without a path and without unprintable characters, not too long."""
    last = text.replace("\\", "/").rpartition("/")[2]
    printable = "".join(character for character in last if character.isprintable())
    return printable[-_MAXIMUM_CHARACTERS:].strip()
