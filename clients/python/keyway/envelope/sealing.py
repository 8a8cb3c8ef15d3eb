"""Seals: bytes, streams and files, with data keys that the gateway makes. What is sealed stays on this machine."""

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

_BRIEF: Final = 1 << 20  # what takes less time to seal than to hand to a thread
DEFAULT_BOUNDS: Final = Bounds()

PathLike = str | os.PathLike[str]


class MakesDataKeys(Protocol):
    """`client.keys`, or what behaves like it."""

    def GenerateDataKey(self, request: GenerateDataKeyRequest, /) -> GenerateDataKeyResponse:  # noqa: N802
        """A new data key."""


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

    def _took(self, response: GenerateDataKeyResponse, asked: float) -> DataKey:
        return self._current.put(response.plaintext, response.ciphertext, asked)

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
    """Seals under one key of the gateway's: `Sealer(client.keys, "providers/nhn-keys/keys/orders-key")`.

    segment_size: bytes of plaintext that are sealed at a time. bounds: of the use of one data key. Threads may share
    it.
    KeywayError where the gateway makes no data key.
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
        """The envelope of these bytes. associated_data: what has to be known to open it; not in the envelope."""
        return self._bytes(data, self._data_key(), associated_data)

    def seal_stream(self, source: Readable, target: Writable, associated_data: bytes = b"") -> int:
        """Write the envelope of all that `source` gives; answers how many bytes of plaintext that were."""
        return self._write(source, target, self._data_key(), associated_data)

    def seal_file(self, source: PathLike, target: PathLike, associated_data: bytes = b"") -> int:
        """The same for files; `target` is there once it is whole. Answers the plaintext's bytes."""
        return self._file(source, target, self._data_key(), associated_data)

    def _data_key(self) -> DataKey:
        # Others wait: one data key is enough for all of them.
        with self._lock:
            if (data_key := self._current.take()) is not None:
                return data_key
            asked = self._current.now()
            return self._took(self._keys.GenerateDataKey(GenerateDataKeyRequest(name=self._key)), asked)


class AsyncSealer(_Sealing):
    """As `Sealer`, over `keyway.aio`: `AsyncSealer(client.keys, …)`. Streams and files are worked on in a thread."""

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
        """The envelope of these bytes. associated_data: what has to be known to open it; not in the envelope."""
        data_key = await self._data_key()
        if len(data) <= _BRIEF:
            return self._bytes(data, data_key, associated_data)
        return await asyncio.to_thread(self._bytes, data, data_key, associated_data)

    async def seal_stream(self, source: Readable, target: Writable, associated_data: bytes = b"") -> int:
        """Write the envelope of all that `source` gives; answers how many bytes of plaintext that were."""
        return await asyncio.to_thread(self._write, source, target, await self._data_key(), associated_data)

    async def seal_file(self, source: PathLike, target: PathLike, associated_data: bytes = b"") -> int:
        """The same for files; `target` is there once it is whole. Answers the plaintext's bytes."""
        return await asyncio.to_thread(self._file, source, target, await self._data_key(), associated_data)

    async def _data_key(self) -> DataKey:
        async with self._lock:
            if (data_key := self._current.take()) is not None:
                return data_key
            asked = self._current.now()
            return self._took(await self._keys.GenerateDataKey(GenerateDataKeyRequest(name=self._key)), asked)
