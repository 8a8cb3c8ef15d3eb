"""Opening of envelopes: bytes, streams and files. The gateway decrypts only the data key."""

import asyncio
import io
import os
from collections.abc import Awaitable, Collection
from pathlib import Path
from typing import Final, Protocol

import grpc

from keyway.envelope.errors import EnvelopeError
from keyway.envelope.files import whole_file
from keyway.envelope.header import Header, read_header
from keyway.envelope.streams import Readable, Writable, open_stream, read_exactly
from keyway.errors import KeywayError
from keyway.v1.key_service_pb2 import ENCODING_BASE64, DecryptRequest, DecryptResponse

_BRIEF: Final = 1 << 20  # below this size, opening is faster than a thread switch
# Status codes for a modified header (docs/envelope-format.md): unknown key, or ciphertext of another key.
_OF_THE_ENVELOPE: Final = frozenset(
    {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED}
)

PathLike = str | os.PathLike[str]


class Decrypts(Protocol):
    """The part of `client.keys` that an opener uses."""

    def Decrypt(self, request: DecryptRequest, /) -> DecryptResponse:  # noqa: N802
        """Decrypt a data key."""


class AsyncDecrypts(Protocol):
    """The part of `client.keys` of an asyncio client that an opener uses."""

    def Decrypt(self, request: DecryptRequest, /) -> Awaitable[DecryptResponse]:  # noqa: N802
        """Decrypt a data key."""


class _Opening:
    """The common part of both openers. expected: names of the keys to accept; None accepts every key."""

    def __init__(self, expected: Collection[str] | None) -> None:
        self._expected = None if expected is None else frozenset(expected)

    def _header(self, source: Readable) -> tuple[Header, DecryptRequest]:
        """Read the header; return it and the request to decrypt its data key."""
        header = read_header(lambda size: read_exactly(source, size))
        if self._expected is not None and header.key_name not in self._expected:
            raise EnvelopeError
        request = DecryptRequest(name=header.key_name, ciphertext=header.encrypted_data_key, encoding=ENCODING_BASE64)
        return header, request


class Opener(_Opening):
    """Opens envelopes: `Opener(client.keys, ["providers/nhn-keys/keys/orders-key"])`. Threads can share it.

    keys: `client.keys`. expected: names of the keys to accept; None accepts every key that the caller has access to.
    Raises EnvelopeError for an envelope that cannot be opened, and KeywayError if the gateway fails or denies the call.
    """

    def __init__(self, keys: Decrypts, expected: Collection[str] | None = None) -> None:
        super().__init__(expected)
        self._keys = keys

    def open(self, envelope: bytes, associated_data: bytes = b"") -> bytes:
        """Return the plaintext. associated_data: the same as for sealing."""
        output = io.BytesIO()
        self.open_stream(io.BytesIO(envelope), output, associated_data)
        return output.getvalue()

    def open_stream(self, source: Readable, target: Writable, associated_data: bytes = b"") -> int:
        """Write the plaintext, each segment as soon as it is verified; return the number of bytes.

        If it raises EnvelopeError, the output is authentic but incomplete. `open_file` leaves no output in that case.
        """
        header, request = self._header(source)
        return open_stream(source, target, self._data_key(request), header, associated_data)

    def open_file(self, source: PathLike, target: PathLike, associated_data: bytes = b"") -> int:
        """Open a file; create `target` only when the whole envelope is verified. Return the number of bytes."""
        with Path(source).open("rb", buffering=0) as sealed, whole_file(target) as plain:
            return self.open_stream(sealed, plain, associated_data)

    def _data_key(self, request: DecryptRequest) -> bytes:
        try:
            return self._keys.Decrypt(request).plaintext
        except KeywayError as error:
            raise converted(error) from error


class AsyncOpener(_Opening):
    """`Opener` for `keyway.aio`: `AsyncOpener(client.keys, …)`. It processes streams and files in a thread."""

    def __init__(self, keys: AsyncDecrypts, expected: Collection[str] | None = None) -> None:
        super().__init__(expected)
        self._keys = keys

    async def open(self, envelope: bytes, associated_data: bytes = b"") -> bytes:
        """Return the plaintext. associated_data: the same as for sealing."""
        source, output = io.BytesIO(envelope), io.BytesIO()
        header, request = self._header(source)
        data_key = await self._data_key(request)
        if len(envelope) <= _BRIEF:
            open_stream(source, output, data_key, header, associated_data)
        else:
            await asyncio.to_thread(open_stream, source, output, data_key, header, associated_data)
        return output.getvalue()

    async def open_stream(self, source: Readable, target: Writable, associated_data: bytes = b"") -> int:
        """Write the plaintext, each segment as soon as it is verified; return the number of bytes.

        If it raises EnvelopeError, the output is authentic but incomplete. `open_file` leaves no output in that case.
        """
        header, request = await asyncio.to_thread(self._header, source)
        data_key = await self._data_key(request)
        return await asyncio.to_thread(open_stream, source, target, data_key, header, associated_data)

    async def open_file(self, source: PathLike, target: PathLike, associated_data: bytes = b"") -> int:
        """Open a file; create `target` only when the whole envelope is verified. Return the number of bytes."""
        with Path(source).open("rb", buffering=0) as sealed, whole_file(target) as plain:  # noqa: ASYNC230
            return await self.open_stream(sealed, plain, associated_data)

    async def _data_key(self, request: DecryptRequest) -> bytes:
        try:
            return (await self._keys.Decrypt(request)).plaintext
        except KeywayError as error:
            raise converted(error) from error


def converted(error: KeywayError) -> Exception:
    """Return EnvelopeError if the gateway rejects the key name or the data key of the envelope, otherwise `error`."""
    unreadable = error.code in _OF_THE_ENVELOPE or error.reason == "PLAINTEXT_NOT_BASE64"
    return EnvelopeError() if unreadable and error.reason else error
