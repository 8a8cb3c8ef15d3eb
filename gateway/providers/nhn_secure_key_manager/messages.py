"""Secure Key Manager's messages: response bodies to contract messages, and plaintexts to request fields.

Source: the request and response tables of the v1.0 guide. Readers raise FormatError, which quotes no value.
"""

from dataclasses import replace
from typing import Final

from gateway.providers.base.encoding import decode_base64, encode_plaintext
from gateway.providers.base.envelope import Envelope
from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import JsonObject
from gateway.providers.nhn import envelope as nhn
from gateway.providers.nhn_secure_key_manager import status_table
from gateway.providers.nhn_secure_key_manager.key_material import (
    aes_256,
    asymmetric_der,
    check_pkcs8,
    check_spki,
    parse_hex,
)
from gateway.upstream.client import HttpResponse
from gateway.x509_reader.der import to_pem
from keyway.v1 import key_service_pb2 as keys

MAXIMUM_ENCRYPT_BYTES: Final = 32 * 1024
"""The guide's limit for encrypt: 32 KB. It applies to the UTF-8 bytes of the text that is sent, which can be Base64."""

MAXIMUM_SIGN_BYTES: Final = 245
"""The guide's limit for sign, counted in the same way. Assumption: verify accepts what sign accepts."""

MAXIMUM_VERSION: Final = 2**31 - 1
_NO_VERSION: Final = "body.keyVersion is missing, although a version was requested"
_CERTIFICATE_SENT: Final = ("clientSentCertificate", "clientSentCerfificate")
"""The guide's table has the first spelling, its sample the second."""


def read_envelope(response: HttpResponse) -> Envelope:
    """Return the envelope of a response. The code of a failure is its known message, otherwise its result code."""
    envelope = nhn.read_envelope(response)
    if envelope.successful:
        return envelope
    return replace(
        envelope,
        code=status_table.code_of(envelope.message) or envelope.code,
        number=envelope.code or "",
    )


def text_to_encrypt(plaintext: bytes, encoding: keys.Encoding.ValueType) -> str:
    """Return the `plaintext` field of encrypt. Raises InvalidRequest if it exceeds 32 KB."""
    return encode_plaintext(plaintext, encoding, MAXIMUM_ENCRYPT_BYTES)


def text_to_sign(plaintext: bytes, encoding: keys.Encoding.ValueType) -> str:
    """Return the `plaintext` field of sign and verify. Raises InvalidRequest if it exceeds 245 bytes."""
    return encode_plaintext(plaintext, encoding, MAXIMUM_SIGN_BYTES)


def key_version(body: JsonObject) -> int | None:
    """Return the version that was used; None if the response has none. 0 is a version."""
    if "keyVersion" not in body:
        return None
    version = body.integer("keyVersion")
    if not 0 <= version <= MAXIMUM_VERSION:
        raise FormatError("body.keyVersion is not a key version")
    return version


def _checked_version(body: JsonObject, requested: int | None) -> int | None:
    """Return the version of the key in `body`. A response that does not state the requested version is rejected."""
    version = key_version(body)
    if requested is not None and version != requested:
        raise FormatError("body.keyVersion is not the requested version" if version is not None else _NO_VERSION)
    return version


def _check_type(body: JsonObject, expected: str) -> None:
    """Raise FormatError if the response states another type of key."""
    stated = body.text("keyType", default=expected)
    if stated.replace(" ", "").lower() != expected.lower():
        raise FormatError(f"body.keyType is not {expected}")


def client_info(body: JsonObject) -> keys.GetClientInfoResponse:
    """Read the response of `confirm`. The MAC header is null if none was sent."""
    spelling = next((name for name in _CERTIFICATE_SENT if name in body), _CERTIFICATE_SENT[0])
    return keys.GetClientInfoResponse(
        client_ip=body.text("clientIp"),
        client_mac_address=body.text("clientMacHeader", ""),
        client_certificate_sent=body.boolean(spelling),
    )


def secret(body: JsonObject) -> keys.GetSecretResponse:
    """Read the response of `secrets`: the text as UTF-8."""
    return keys.GetSecretResponse(payload=body.text("secret").encode())


def encrypted(body: JsonObject) -> keys.EncryptResponse:
    """Read the response of `encrypt`."""
    return keys.EncryptResponse(ciphertext=_opaque(body, "ciphertext"), key_version=key_version(body))


def decrypted_text(body: JsonObject) -> tuple[str, int | None]:
    """Read the response of `decrypt`: the text, which can be empty, and the version."""
    return body.text("plaintext"), key_version(body)


def data_key(body: JsonObject) -> keys.GenerateDataKeyResponse:
    """Read the response of `create-local-key`: the 32 bytes of the key, and its unchanged ciphertext."""
    return keys.GenerateDataKeyResponse(
        plaintext=aes_256(decode_base64(body.text("localKeyPlaintext"))),
        ciphertext=_opaque(body, "localKeyCiphertext"),
        key_version=key_version(body),
    )


def symmetric_key(body: JsonObject, requested: int | None) -> keys.GetSymmetricKeyResponse:
    """Read the response of `symmetric-key`: 32 bytes. v1.0 returns no version."""
    return keys.GetSymmetricKeyResponse(
        key_material=aes_256(parse_hex(body.text("symmetricKey"))), key_version=_checked_version(body, requested)
    )


def signed(body: JsonObject) -> keys.SignResponse:
    """Read the response of `sign`."""
    return keys.SignResponse(signature=_opaque(body, "signature"), key_version=key_version(body))


def verified(body: JsonObject) -> keys.VerifyResponse:
    """Read the response of `verify`. A result of false is not a failure."""
    return keys.VerifyResponse(verified=body.boolean("result"), key_version=key_version(body))


def private_key(body: JsonObject, requested: int | None) -> keys.GetPrivateKeyResponse:
    """Read the response of `privateKey`: the unchanged DER, and the same as PEM."""
    _check_type(body, "PrivateKey")
    der = check_pkcs8(asymmetric_der(body))
    version = _checked_version(body, requested)
    return keys.GetPrivateKeyResponse(pkcs8_der=der, pem=to_pem(der, "PRIVATE KEY"), key_version=version)


def public_key(body: JsonObject, requested: int | None) -> keys.GetPublicKeyResponse:
    """Read the response of `publicKey`: the unchanged DER, and the same as PEM."""
    _check_type(body, "PublicKey")
    der = check_spki(asymmetric_der(body))
    version = _checked_version(body, requested)
    return keys.GetPublicKeyResponse(spki_der=der, pem=to_pem(der, "PUBLIC KEY"), key_version=version)


def _opaque(body: JsonObject, name: str) -> str:
    """Return text that is passed on unchanged and must not be empty."""
    text = body.text(name)
    if not text:
        raise FormatError(f"body.{name} is empty")
    return text
