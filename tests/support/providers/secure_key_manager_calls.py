"""Every call of the Secure Key Manager adapter, and the error of a failed call."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from gateway.errors import UpstreamError
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import ASYMMETRIC, BASE, KEY, PROVIDER, SECRET, SYMMETRIC, call

ENCRYPT = f"{SYMMETRIC}/encrypt"


Ask = Callable[[SecureKeyManager], Coroutine[Any, Any, object]]

CALLS: Mapping[str, tuple[str, str, Ask]] = {
    "confirm": (
        "GET",
        f"{BASE}/confirm",
        lambda adapter: adapter.get_client_info(keys.GetClientInfoRequest(provider=PROVIDER), call()),
    ),
    "secrets": (
        "GET",
        f"{BASE}/secrets/s1",
        lambda adapter: adapter.get_secret(keys.GetSecretRequest(name=SECRET), call()),
    ),
    "encrypt": (
        "POST",
        ENCRYPT,
        lambda adapter: adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=b"p"), call()),
    ),
    "decrypt": (
        "POST",
        f"{SYMMETRIC}/decrypt",
        lambda adapter: adapter.decrypt(keys.DecryptRequest(name=KEY, ciphertext="c"), call()),
    ),
    "create-local-key": (
        "POST",
        f"{SYMMETRIC}/create-local-key",
        lambda adapter: adapter.generate_data_key(keys.GenerateDataKeyRequest(name=KEY), call()),
    ),
    "symmetric-key": (
        "GET",
        f"{SYMMETRIC}/symmetric-key",
        lambda adapter: adapter.get_symmetric_key(keys.GetSymmetricKeyRequest(name=KEY), call()),
    ),
    "sign": (
        "POST",
        f"{ASYMMETRIC}/sign",
        lambda adapter: adapter.sign(keys.SignRequest(name=KEY, plaintext=b"p"), call()),
    ),
    "verify": (
        "POST",
        f"{ASYMMETRIC}/verify",
        lambda adapter: adapter.verify(keys.VerifyRequest(name=KEY, plaintext=b"p", signature="s"), call()),
    ),
    "privateKey": (
        "GET",
        f"{ASYMMETRIC}/privateKey",
        lambda adapter: adapter.get_private_key(keys.GetPrivateKeyRequest(name=KEY), call()),
    ),
    "publicKey": (
        "GET",
        f"{ASYMMETRIC}/publicKey",
        lambda adapter: adapter.get_public_key(keys.GetPublicKeyRequest(name=KEY), call()),
    ),
}


async def refused(adapter: SecureKeyManager, operation: str = "encrypt") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await CALLS[operation][2](adapter)
    return caught.value
