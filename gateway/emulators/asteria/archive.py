"""The ZIP files that `export` and `csr/download` return."""

import datetime as dt
import io
import zipfile
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from gateway.emulators.asteria import assumptions
from gateway.emulators.asteria.state import Store

_ENCODINGS: Final = {"PEM": serialization.Encoding.PEM, "DER": serialization.Encoding.DER}


class OutputFormat(StrEnum):
    """Format of the files in an export."""

    X509 = "X509"
    PKCS7 = "PKCS7"


class DataFormat(StrEnum):
    """Encoding of the files in an export."""

    PEM = "PEM"
    DER = "DER"


def certificates(
    store: Store, chain: Sequence[x509.Certificate], output: OutputFormat, data: DataFormat, now: dt.datetime
) -> bytes:
    """`certs.zip`."""
    encoding = _ENCODINGS[data]
    if output is OutputFormat.PKCS7:
        name = assumptions.PKCS7_FILE.format(store=store)
        return _zip({name: pkcs7.serialize_certificates(list(chain), encoding)}, now)
    return _zip(
        {
            assumptions.CERTIFICATE_FILE.format(store=store, number=number, extension=data.lower()): each.public_bytes(
                encoding
            )
            for number, each in enumerate(chain, 1)
        },
        now,
    )


def request(store: Store, csr: bytes, now: dt.datetime) -> bytes:
    """`csr.zip`."""
    pem = x509.load_der_x509_csr(csr).public_bytes(serialization.Encoding.PEM)
    return _zip({assumptions.CSR_FILE.format(store=store): pem}, now)


def _zip(files: Mapping[str, bytes], now: dt.datetime) -> bytes:
    stamp = now.astimezone(assumptions.TIME_ZONE)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (stamp.year, stamp.month, stamp.day, stamp.hour, stamp.minute, stamp.second))
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
