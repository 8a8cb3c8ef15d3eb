"""Ciphertexts of the plugin: envelopes of keyway.envelope, bound to the cluster, with existing data keys.

kube-apiserver accepts ciphertexts of at most 1 kB.
"""

from collections.abc import Collection
from typing import Final

from keyway.envelope import AsyncOpener, EnvelopeError, Sealer
from keyway.envelope.opening import AsyncDecrypts
from keyway.v1.key_service_pb2 import GenerateDataKeyRequest, GenerateDataKeyResponse

LARGEST_CIPHERTEXT: Final = 1024
"""Bytes, by the interface of Kubernetes."""
OVERHEAD: Final = 4 + 4 + 2 + 2 + 32 + 16
"""The bytes of an envelope of one segment without the key name, the encrypted data key, and the plaintext."""
_SEGMENT_SIZE: Final = 4096


class Sealing:
    """Seals and opens for one cluster.

    key: seals. previous_keys: only open.
    """

    def __init__(self, cluster: str, key: str, previous_keys: Collection[str] = ()) -> None:
        self.key = key
        self._accepted = (key, *previous_keys)
        self._associated_data = cluster.encode()

    def largest_plaintext(self, data_key: GenerateDataKeyResponse) -> int:
        """Return the size of the largest plaintext, in bytes. Negative if not even an empty one fits."""
        return LARGEST_CIPHERTEXT - OVERHEAD - len(self.key.encode()) - len(data_key.ciphertext.encode())

    def seal(self, plaintext: bytes, data_key: GenerateDataKeyResponse) -> bytes:
        """Return the envelope."""
        sealer = Sealer(_ExistingDataKey(data_key), self.key, segment_size=_SEGMENT_SIZE)
        return sealer.seal(plaintext, self._associated_data)

    async def open(self, ciphertext: bytes, keys: AsyncDecrypts) -> bytes:
        """Return the plaintext. Raises EnvelopeError for a ciphertext of another cluster or key."""
        if len(ciphertext) > LARGEST_CIPHERTEXT:
            raise EnvelopeError
        return await AsyncOpener(keys, self._accepted).open(ciphertext, self._associated_data)


class _ExistingDataKey:
    """Provides a sealer with a data key that the gateway generated earlier."""

    def __init__(self, data_key: GenerateDataKeyResponse) -> None:
        self._data_key = data_key

    def GenerateDataKey(self, _request: GenerateDataKeyRequest, /) -> GenerateDataKeyResponse:  # noqa: N802
        """Return the data key."""
        return self._data_key
