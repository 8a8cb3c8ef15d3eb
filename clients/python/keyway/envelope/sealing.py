"""Sealing of bytes, streams and files with data keys from the gateway. The data stays on this machine."""

import asyncio
import io
import os
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Final, Protocol

from keyway.envelope.data_keys import Bounds, Current, DataKey, checked_segment_size
from keyway.envelope.files import whole_file
from keyway.envelope.header import DEFAULT_SEGMENT_SIZE, SALT_BYTES, Header
from keyway.envelope.streams import Readable, Writable, seal_stream
from keyway.v1.key_service_pb2 import GenerateDataKeyRequest, GenerateDataKeyResponse

_BRIEF: Final = 1 << 20  # below this size, sealing is faster than a thread switch
DEFAULT_BOUNDS: Final = Bounds()

PathLike = str | os.PathLike[str]


class MakesDataKeys(Protocol):
    """The part of `client.keys` that a sealer uses."""

    def GenerateDataKey(self, request: GenerateDataKeyRequest, /) -> GenerateDataKeyResponse:  # noqa: N802
        """Generate a data key."""


class AsyncMakesDataKeys(Protocol):
    """The part of `client.keys` of an asyncio client that a sealer uses."""

    def GenerateDataKey(self, request: GenerateDataKeyRequest, /) -> Awaitable[GenerateDataKeyResponse]:  # noqa: N802
        """Generate a data key."""


class _Sealing:
    """The common part of both sealers."""

    def __init__(self, key: str, *, segment_size: int = DEFAULT_SEGMENT_SIZE, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self._key = key
        self._segment_size = checked_segment_size(segment_size)
        self._current = Current(bounds)

    def _took(self, response: GenerateDataKeyResponse, requested: float) -> DataKey:
        return self._current.put(response.plaintext, response.ciphertext, requested)

    def _write(self, source: Readable, target: Writable, data_key: DataKey, associated_data: bytes) -> int:
        header = Header(self._segment_size, self._key, data_key.encrypted, os.urandom(SALT_BYTES))
        return seal_stream(source, target, data_key.plaintext, header, associated_data, count=data_key.used)

    def _bytes(self, data: bytes, data_key: DataKey, associated_data: bytes) -> bytes:
        output = io.BytesIO()
        self._write(io.BytesIO(data), output, data_key, associated_data)
        return output.getvalue()

    def _file(self, source: PathLike, target: PathLike, data_key: DataKey, associated_data: bytes) -> int:
        with Path(source).open("rb", buffering=0) as plain, whole_file(target) as sealed:
            return self._write(plain, sealed, data_key, associated_data)


class Sealer(_Sealing):
    """Seals data under one key of the gateway: `Sealer(client.keys, "providers/nhn-keys/keys/orders-key")`.

    Threads can share it. segment_size: bytes of plaintext per segment. bounds: limits for the use of one data key.
    Raises KeywayError if the gateway generates no data key.
    """

    def __init__(
        self,
        keys: MakesDataKeys,
        key: str,
        *,
        segment_size: int = DEFAULT_SEGMENT_SIZE,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        super().__init__(key, segment_size=segment_size, bounds=bounds)
        self._keys = keys
        self._lock = threading.Lock()

    def seal(self, data: bytes, associated_data: bytes = b"") -> bytes:
        """Return the envelope of `data`. associated_data: required to open it; not part of the envelope."""
        return self._bytes(data, self._data_key(), associated_data)

    def seal_stream(self, source: Readable, target: Writable, associated_data: bytes = b"") -> int:
        """Seal a stream; return the number of plaintext bytes."""
        return self._write(source, target, self._data_key(), associated_data)

    def seal_file(self, source: PathLike, target: PathLike, associated_data: bytes = b"") -> int:
        """Seal a file; create `target` only when it is complete. Return the number of plaintext bytes."""
        return self._file(source, target, self._data_key(), associated_data)

    def _data_key(self) -> DataKey:
        # Other threads wait, so that all share one data key.
        with self._lock:
            if (data_key := self._current.take()) is not None:
                return data_key
            requested = self._current.now()
            return self._took(self._keys.GenerateDataKey(GenerateDataKeyRequest(name=self._key)), requested)


class AsyncSealer(_Sealing):
    """`Sealer` for `keyway.aio`: `AsyncSealer(client.keys, …)`. It processes streams and files in a thread."""

    def __init__(
        self,
        keys: AsyncMakesDataKeys,
        key: str,
        *,
        segment_size: int = DEFAULT_SEGMENT_SIZE,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        super().__init__(key, segment_size=segment_size, bounds=bounds)
        self._keys = keys
        self._lock = asyncio.Lock()

    async def seal(self, data: bytes, associated_data: bytes = b"") -> bytes:
        """Return the envelope of `data`. associated_data: required to open it; not part of the envelope."""
        data_key = await self._data_key()
        if len(data) <= _BRIEF:
            return self._bytes(data, data_key, associated_data)
        return await asyncio.to_thread(self._bytes, data, data_key, associated_data)

    async def seal_stream(self, source: Readable, target: Writable, associated_data: bytes = b"") -> int:
        """Seal a stream; return the number of plaintext bytes."""
        return await asyncio.to_thread(self._write, source, target, await self._data_key(), associated_data)

    async def seal_file(self, source: PathLike, target: PathLike, associated_data: bytes = b"") -> int:
        """Seal a file; create `target` only when it is complete. Return the number of plaintext bytes."""
        return await asyncio.to_thread(self._file, source, target, await self._data_key(), associated_data)

    async def _data_key(self) -> DataKey:
        async with self._lock:
            if (data_key := self._current.take()) is not None:
                return data_key
            requested = self._current.now()
            return self._took(await self._keys.GenerateDataKey(GenerateDataKeyRequest(name=self._key)), requested)
