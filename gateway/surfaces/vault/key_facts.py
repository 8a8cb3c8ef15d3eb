"""The description of a key: its kind, and its current version.

The contract has no method for it. Encrypting an empty text returns the version of a symmetric key, and shows that the
key can be used.
"""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from google.rpc import code_pb2

from gateway.errors import GatewayError
from gateway.surfaces.vault.api_request import Answer, VaultRequest
from gateway.surfaces.vault.ciphertexts import shown_version
from keyway.v1 import key_service_pb2 as keys

_SYMMETRIC: Final = "aes256-gcm96"
"""Vault's type for symmetric keys. Programs know no type for the keys of other services."""
_NOT_SYMMETRIC: Final = frozenset(
    {code_pb2.NOT_FOUND, code_pb2.INVALID_ARGUMENT, code_pb2.FAILED_PRECONDITION, code_pb2.UNIMPLEMENTED}
)
"""Statuses of Encrypt after which the key can be asymmetric."""
_UNKNOWN_TIME: Final = 0


async def read_key(request: VaultRequest) -> Answer:
    """Return what is known about a key. Raises GatewayError."""
    key = request.resource("keys", request.path[2])
    try:
        found = await request.calls.call("encrypt", keys.EncryptRequest(name=key, encoding=keys.ENCODING_BASE64))
    except GatewayError as error:
        if error.kind.code not in _NOT_SYMMETRIC:
            raise
        return await _asymmetric(request, key, error)
    version = shown_version(found.key_version if found.HasField("key_version") else None)
    return Answer(_facts(request.path[2], _SYMMETRIC, version, _UNKNOWN_TIME))


async def _asymmetric(request: VaultRequest, key: str, other: GatewayError) -> Answer:
    """Return what is known about an asymmetric key. other: raised if the public key cannot be read."""
    try:
        found = await request.calls.call("get_public_key", keys.GetPublicKeyRequest(name=key))
    except GatewayError:
        raise other from None
    version = shown_version(found.key_version if found.HasField("key_version") else None)
    kind = _kind(found.spki_der)
    described = {"name": kind, "public_key": found.pem, "creation_time": None}
    return Answer(_facts(request.path[2], kind, version, described))


def _kind(spki: bytes) -> str:
    try:
        key = load_der_public_key(spki)
    except Exception:  # noqa: BLE001 - errors of OpenSSL and of unsupported algorithms have no common type
        return "unknown"
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    return "ecdsa-p256" if is_p256 else "unknown"


def _facts(name: str, kind: str, version: int, described: object) -> Mapping[str, Any]:
    is_symmetric = kind == _SYMMETRIC
    return {
        "name": name,
        "type": kind,
        "keys": {str(version): described},
        "latest_version": version,
        "min_decryption_version": 0,
        "min_encryption_version": 0,
        "min_available_version": 0,
        "supports_encryption": is_symmetric,
        "supports_decryption": is_symmetric,
        "supports_derivation": is_symmetric,
        "supports_signing": False,
        "derived": False,
        "exportable": False,
        "allow_plaintext_backup": False,
        "deletion_allowed": False,
        "auto_rotate_period": 0,
        "imported_key": False,
    }
