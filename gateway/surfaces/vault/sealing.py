"""Sealing and opening of envelopes for one request, with data keys that the gateway's own methods generate.

Each request has its own data key, so that policy decides about each request, and the journal records it.
"""

from typing import Final

from google.rpc import code_pb2

from gateway.errors import PLAINTEXT_NOT_BASE64, GatewayError
from gateway.surfaces.vault.api_request import CallerCalls
from gateway.surfaces.vault.ciphertexts import VaultCiphertext, invalid_ciphertext, of_envelope
from keyway.envelope import AsyncOpener, AsyncSealer, EnvelopeError
from keyway.v1.key_service_pb2 import DecryptRequest, DecryptResponse, GenerateDataKeyRequest, GenerateDataKeyResponse

_OF_THE_ENVELOPE: Final = frozenset({code_pb2.INVALID_ARGUMENT, code_pb2.NOT_FOUND, code_pb2.UNIMPLEMENTED})
"""Statuses of Decrypt if the header of the envelope is invalid: an unknown key, or a data key of another key."""


class EnvelopeKeys:
    """The methods of `client.keys` that envelopes need. version: of the key, after the latest call."""

    def __init__(self, calls: CallerCalls) -> None:
        self._calls = calls
        self.version: int | None = None

    async def GenerateDataKey(self, request: GenerateDataKeyRequest, /) -> GenerateDataKeyResponse:  # noqa: N802
        """Generate a data key."""
        response: GenerateDataKeyResponse = await self._calls.call("generate_data_key", request)
        self.version = response.key_version if response.HasField("key_version") else None
        return response

    async def Decrypt(self, request: DecryptRequest, /) -> DecryptResponse:  # noqa: N802
        """Decrypt a data key."""
        try:
            response: DecryptResponse = await self._calls.call("decrypt", request)
        except GatewayError as error:
            if error.kind.code in _OF_THE_ENVELOPE or error.kind.reason == PLAINTEXT_NOT_BASE64.reason:
                raise EnvelopeError from None
            raise
        self.version = response.key_version if response.HasField("key_version") else None
        return response


class RequestSealer:
    """Seals and opens with one key. key: its full name."""

    def __init__(self, calls: CallerCalls, key: str) -> None:
        self._keys = EnvelopeKeys(calls)
        self._sealer = AsyncSealer(self._keys, key)
        self._opener = AsyncOpener(self._keys, [key])

    async def seal(self, plaintext: bytes, bound: bytes) -> tuple[str, int | None]:
        """Return the ciphertext, and the version of the key. bound: the data that is required to open it."""
        envelope = await self._sealer.seal(plaintext, bound)
        return of_envelope(envelope, self._keys.version), self._keys.version

    async def open(self, ciphertext: VaultCiphertext, bound: bytes) -> bytes:
        """Return the plaintext. Raises VaultError and GatewayError."""
        assert ciphertext.envelope is not None
        try:
            plaintext = await self._opener.open(ciphertext.envelope, bound)
        except EnvelopeError:
            raise invalid_ciphertext() from None
        ciphertext.check_version(self._keys.version)
        return plaintext
