"""The fuzz targets: each reads damaged input, and may raise only its documented errors.

The undamaged inputs come from the same helpers as in the other tests.
"""

import base64
import contextlib
import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from gateway import pem as pem_reader
from gateway.config.problems import FileError
from gateway.emulators.asteria import certificates as asteria_certificates
from gateway.emulators.asteria import importing, jks
from gateway.emulators.asteria.errors import AsteriaError
from gateway.emulators.certificate_manager import pem as emulator_pem
from gateway.identity import key_set, peers
from gateway.identity.errors import AuthenticationError
from gateway.identity.key_set import KeySetError
from gateway.pem import PemError
from gateway.providers.asteria import envelope as asteria_envelope
from gateway.providers.asteria import messages as asteria
from gateway.providers.asteria.resources import Resource
from gateway.providers.base import pem, x509
from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import JsonObject
from gateway.providers.base.zipfiles import read_zip
from gateway.providers.nhn import envelope as nhn_envelope
from gateway.providers.nhn_certificate_manager import messages as certificate_manager
from gateway.providers.nhn_secure_key_manager import messages as key_manager
from gateway.upstream.messages import HttpResponse
from gateway.upstream.tls import ClientFiles, context
from gateway.x509_reader import der
from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as service
from tests.fuzz.mutations import damaged, damaged_json
from tests.support.archives import stored, zipped
from tests.support.parsed import all_parsed
from tests.support.providers.asteria_samples import CERTUM, certificate
from tests.support.providers.certificate_manager import row
from tests.support.x509_chain import chain, elliptic_key

SEOUL: Final = ZoneInfo("Asia/Seoul")
SERVER: Final = Resource("providers/asteria/certificates/server", "server")
CALENDAR: Final = asteria.Calendar(SEOUL, lambda: datetime.now(UTC))
PASSWORD: Final = "secret"
PEM: Final = chain().pem()
CHAIN: Final = all_parsed(chain().certificates)
LEAF: Final = CHAIN[0].encoded
PKCS7: Final = x509.encode(CHAIN, service.CERTIFICATE_FORMAT_PKCS7_DER).content


@dataclass(frozen=True)
class Target:
    """inputs: a strategy. read: a function of such an input. errors: what it may raise."""

    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]
    errors: tuple[type[Exception], ...]


def run(target: Target, value: Any) -> None:
    """Read one input. Raises every exception that is not one of the documented errors."""
    try:
        target.read(value)
    except target.errors as error:
        str(error)


def _response(body: bytes, disposition: str = "") -> HttpResponse:
    headers = CIMultiDict({"Content-Disposition": disposition})
    return HttpResponse(200, CIMultiDictProxy(headers), body)


def _read_pem(data: bytes) -> None:
    for read in (pem_reader.certificates, pem_reader.private_key, emulator_pem.read, asteria_certificates.parse_all):
        try:
            read(data)
        except (PemError, emulator_pem.NotPemError, asteria_certificates.CertificateError):
            continue
    bundle = x509.read_bundle(data)
    ordered = pem.order_chain(bundle.certificates, bundle.private_key_pem)
    pem.match(bundle.private_key_pem or "", ordered[0])
    _fill(ordered)


def _read_certificates(data: bytes) -> None:
    _fill(x509.read_certificates(data))


def _fill(found: Any) -> None:
    """Use all fields of certificates."""
    message = certificate_pb2.Certificate()
    x509.fill_certificate(message, found, SEOUL)
    message.SerializeToString()
    for form in service.CertificateFormat.values():
        x509.encode(found, form)
    peers.caller_of(found[0].pem.encode())


def _read_pkcs12(data: bytes) -> None:
    with contextlib.suppress(AsteriaError):
        importing.read(data, PASSWORD)
    context(None, ClientFiles(pkcs12=data, password=PASSWORD))


def _java_store() -> bytes:
    def text(value: str) -> bytes:
        return struct.pack(">H", len(value)) + value.encode()

    trusted = text("X.509") + struct.pack(">I", len(LEAF)) + LEAF
    entry = struct.pack(">I", 2) + text("alias") + bytes(8) + trusted
    key = struct.pack(">I", 1) + text("key") + bytes(8) + struct.pack(">I", 40) + bytes(40)
    return struct.pack(">4sII", jks.MAGIC, 2, 2) + entry + key + struct.pack(">I", 1) + trusted


def _read_java_store(content: bytes) -> None:
    """The digest is valid, so that the damage reaches the parser."""
    digest = hashlib.sha1(PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content).digest()
    importing.read(content + digest, PASSWORD)


def _read_archive(data: bytes) -> None:
    read_zip(data)
    for read in (
        lambda: asteria.signing_request(_response(data)),
        lambda: asteria.exported_certificate(_response(data), service.CERTIFICATE_FORMAT_PEM, "server"),
    ):
        try:
            read()
        except FormatError:
            continue


_PAGE: Final = {"totalCount": 2, "currentPage": 1, "pageSize": 10, "data": [row(), row("인증서")]}
_SUCCESS: Final = {"header": {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}}
_HEX: Final = ", ".join(f"0x{octet:02x}" for octet in range(32))
_KEYS: Final[Mapping[str, Any]] = {
    "clientIp": "127.0.0.1",
    "clientMacHeader": None,
    "clientSentCertificate": True,
    "secret": "a",
    "ciphertext": "c",
    "plaintext": "p",
    "localKeyPlaintext": base64.b64encode(bytes(32)).decode(),
    "localKeyCiphertext": "c",
    "symmetricKey": _HEX,
    "signature": "s",
    "result": "true",
    "keyVersion": 1,
    "encodedKey": base64.b64encode(der.encode(der.SEQUENCE)).decode(),
    "key": _HEX,
}


_KEY_READERS: Final[tuple[Callable[[JsonObject], Any], ...]] = (
    key_manager.client_info,
    key_manager.secret,
    key_manager.encrypted,
    key_manager.data_key,
    key_manager.signed,
    key_manager.verified,
    lambda body: key_manager.symmetric_key(body, 1),
    lambda body: key_manager.private_key(body, 1),
    lambda body: key_manager.public_key(body, None),
)


def _read_page(tree: Any) -> None:
    envelope = nhn_envelope.read_envelope(_response(json.dumps(tree).encode()))
    page = certificate_manager.page(envelope.data or JsonObject({}), "nhn", SEOUL, number=1, size=10)
    for found in page.certificates:
        found.SerializeToString()


def _read_key_responses(tree: Any) -> None:
    envelope = key_manager.read_envelope(_response(json.dumps(tree).encode()))
    body = envelope.data or JsonObject({})
    for read in _KEY_READERS:
        with contextlib.suppress(FormatError):
            read(body).SerializeToString()


def _read_asteria(tree: Any) -> None:
    data = asteria_envelope.read_envelope(_response(json.dumps(tree).encode())).data or JsonObject({})
    for read in (asteria.full_certificate, asteria.basic_certificate, asteria.authority, asteria.listed_authorities):
        try:
            found = read(data, SERVER, CALENDAR)
        except FormatError:
            continue
        for message in found if isinstance(found, list) else [found]:
            message.SerializeToString()


def _list_of_authorities() -> Any:
    return {"result": {"status": "success", "data": {"certificate": [CERTUM, {**CERTUM, "alias": "b"}]}}}


_JWKS: Final = {
    "keys": [
        {"kty": "EC", "crv": "P-256", "kid": "a", "use": "sig", "alg": "ES256", "key_ops": ["verify"],
         "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
        {"kty": "RSA", "kid": "b", "e": "AQAB", "n": "wAEB" + "AQEB" * 84 + "AQ"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "c", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ]
}  # fmt: skip


def _read_key_set(tree: Any) -> None:
    key_set.parse(json.dumps(tree).encode())


TARGETS: Final[Mapping[str, Target]] = {
    "PEM": Target(damaged(PEM), _read_pem, (FormatError, AuthenticationError)),
    "DER": Target(damaged(LEAF), _read_certificates, (FormatError, AuthenticationError)),
    "PKCS#7": Target(damaged(PKCS7), _read_certificates, (FormatError, AuthenticationError)),
    "PKCS#12": Target(
        damaged(
            serialize_key_and_certificates(
                b"x", elliptic_key(), None, [chain().root], BestAvailableEncryption(PASSWORD.encode())
            )
        ),
        _read_pkcs12,
        (FileError,),
    ),
    "JKS": Target(damaged(_java_store()), _read_java_store, (AsteriaError,)),
    "ZIP": Target(
        damaged(zipped({"a.pem": PEM})) | damaged(stored(("a.pem", PEM), ("b.csr", LEAF))),
        _read_archive,
        (FormatError,),
    ),
    "certificate list": Target(damaged_json(_SUCCESS | {"body": _PAGE}), _read_page, (FormatError,)),
    "key responses": Target(damaged_json(_SUCCESS | {"body": _KEYS}), _read_key_responses, (FormatError,)),
    "ASTERIA certificate": Target(damaged_json(certificate()), _read_asteria, (FormatError,)),
    "ASTERIA list": Target(damaged_json(_list_of_authorities()), _read_asteria, (FormatError,)),
    "JWKS": Target(damaged_json(_JWKS), _read_key_set, (KeySetError,)),
    "JWKS bytes": Target(damaged(json.dumps(_JWKS).encode()), key_set.parse, (KeySetError,)),
}
