"""The bodies of Secure Key Manager's answers, each read into the contract's response message.

Source: the response tables of the v1.0 guide. Every reader raises FormatError, which quotes no value, where a body is
not what that call answers.
"""

from typing import Final

from gateway.providers.base.formats import FormatError, JsonObject
from gateway.providers.nhn_secure_key_manager.encoding import decode_base64
from gateway.providers.nhn_secure_key_manager.key_material import (
    aes_256,
    asymmetric_der,
    check_pkcs8,
    check_spki,
    parse_hex,
    pem,
)
from keyway.v1 import key_service_pb2 as keys

MAXIMUM_VERSION: Final = 2**31 - 1
_CERTIFICATE_SENT: Final = ("clientSentCertificate", "clientSentCerfificate")
"""The guide spells it the first way in its table and the second way in its sample."""


def key_version(body: JsonObject) -> int | None:
    """The version that was used; None where the upstream says none. 0 is a version."""
    if "keyVersion" not in body:
        return None
    version = body.integer("keyVersion")
    if not 0 <= version <= MAXIMUM_VERSION:
        raise FormatError("body.keyVersion is not a key version")
    return version


def _asked_version(body: JsonObject, asked: int | None) -> int | None:
    """The version of the key in `body`, which must be the one that was asked for."""
    version = key_version(body)
    if asked is not None and version not in (asked, None):
        raise FormatError("body.keyVersion is not the version that was asked for")
    return version


def client_info(body: JsonObject) -> keys.GetClientInfoResponse:
    """Of `confirm`. The MAC header's value is null where none was sent."""
    spelling = next((name for name in _CERTIFICATE_SENT if name in body), _CERTIFICATE_SENT[0])
    return keys.GetClientInfoResponse(
        client_ip=body.text("clientIp"),
        client_mac_address=body.text("clientMacHeader", ""),
        client_certificate_sent=body.boolean(spelling),
    )


def secret(body: JsonObject) -> keys.GetSecretResponse:
    """Of `secrets`: the text as UTF-8."""
    return keys.GetSecretResponse(payload=body.text("secret").encode())


def encrypted(body: JsonObject) -> keys.EncryptResponse:
    """Of `encrypt`."""
    return keys.EncryptResponse(ciphertext=_opaque(body, "ciphertext"), key_version=key_version(body))


def decrypted_text(body: JsonObject) -> tuple[str, int | None]:
    """Of `decrypt`: the text, which may be empty, and the version."""
    return body.text("plaintext"), key_version(body)


def data_key(body: JsonObject) -> keys.GenerateDataKeyResponse:
    """Of `create-local-key`: the key's 32 bytes, and its ciphertext unchanged."""
    return keys.GenerateDataKeyResponse(
        plaintext=aes_256(decode_base64(body.text("localKeyPlaintext"))),
        ciphertext=_opaque(body, "localKeyCiphertext"),
        key_version=key_version(body),
    )


def symmetric_key(body: JsonObject, asked: int | None) -> keys.GetSymmetricKeyResponse:
    """Of `symmetric-key`: 32 bytes. v1.0 says no version."""
    return keys.GetSymmetricKeyResponse(
        key_material=aes_256(parse_hex(body.text("symmetricKey"))), key_version=_asked_version(body, asked)
    )


def signed(body: JsonObject) -> keys.SignResponse:
    """Of `sign`."""
    return keys.SignResponse(signature=_opaque(body, "signature"), key_version=key_version(body))


def verified(body: JsonObject) -> keys.VerifyResponse:
    """Of `verify`: false is an answer, not a failure."""
    return keys.VerifyResponse(verified=body.boolean("result"), key_version=key_version(body))


def private_key(body: JsonObject, asked: int | None) -> keys.GetPrivateKeyResponse:
    """Of `privateKey`: the upstream's own DER, and the same as PEM."""
    der = check_pkcs8(asymmetric_der(body))
    version = _asked_version(body, asked)
    return keys.GetPrivateKeyResponse(pkcs8_der=der, pem=pem(der, "PRIVATE KEY"), key_version=version)


def public_key(body: JsonObject, asked: int | None) -> keys.GetPublicKeyResponse:
    """Of `publicKey`: the upstream's own DER, and the same as PEM."""
    der = check_spki(asymmetric_der(body))
    version = _asked_version(body, asked)
    return keys.GetPublicKeyResponse(spki_der=der, pem=pem(der, "PUBLIC KEY"), key_version=version)


def _opaque(body: JsonObject, name: str) -> str:
    """Text that is passed on unchanged, and can't be empty."""
    text = body.text(name)
    if not text:
        raise FormatError(f"body.{name} is empty")
    return text
