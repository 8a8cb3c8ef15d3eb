"""Certificates out of PEM files, which people give in many states. Faults are ValueErrors that quote nothing."""

import re
from collections.abc import Iterable
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----[\r\n][\x00-\x7f]*?-----END CERTIFICATE-----")


def certificates(content: bytes) -> list[x509.Certificate]:
    """The certificates of a file, without what stands between them, which need not be ASCII."""
    try:
        found = [x509.load_pem_x509_certificate(block) for block in _BLOCK.findall(content)]
    except ValueError as error:
        raise ValueError("holds a certificate that can't be read") from error
    if not found:
        raise ValueError("holds no PEM certificates")
    return found


def text(chain: Iterable[x509.Certificate]) -> bytes:
    """The certificates as PEM, and nothing else."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)
