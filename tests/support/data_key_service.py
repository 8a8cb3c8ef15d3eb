"""A key service in memory, for tests of envelopes without a gateway."""

import os
from typing import Any

import grpc

import keyway
from keyway.v1 import key_service_pb2 as keys


class DataKeyService:
    """A key service in memory. made: its data keys. calls: the methods and key names of its calls."""

    def __init__(self) -> None:
        self.made: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []

    def GenerateDataKey(self, request: Any) -> Any:  # noqa: N802
        key, name = os.urandom(32), f"{request.name}#{len(self.made)}"
        self.made[name] = key
        self.calls.append(("generated", request.name))
        return keys.GenerateDataKeyResponse(plaintext=key, ciphertext=name, key_version=2)

    def Decrypt(self, request: Any) -> Any:  # noqa: N802
        self.calls.append(("decrypted", request.name))
        assert request.encoding == keys.ENCODING_BASE64
        if request.ciphertext not in self.made:
            raise keyway.KeywayError(grpc.StatusCode.INVALID_ARGUMENT, "no such", reason="INVALID_USER_DATA")
        return keys.DecryptResponse(plaintext=self.made[request.ciphertext])
