"""Sealing and opening of bytes, streams and files."""

import io
import os
import stat
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import keyway
from keyway.envelope import AsyncOpener, AsyncSealer, EnvelopeError, Opener, Sealer
from keyway.envelope.header import Header
from keyway.envelope.segments import SegmentSealer
from keyway.testing import Sandbox
from tests.support.data_key_service import DataKeyService

KEY = "providers/nhn-keys/keys/orders-key"
MEBIBYTE = 1 << 20


@pytest.fixture
def service() -> Any:
    return DataKeyService()


@pytest.fixture
def sealer(service: DataKeyService) -> Any:
    return Sealer(service, KEY, segment_size=4096)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 8192, 50_000])
def test_sealed_bytes_are_opened(service: DataKeyService, sealer: Sealer, size: Any) -> None:
    data = os.urandom(size)
    envelope = sealer.seal(data, b"order 42")
    assert size < 16 or data not in envelope
    assert Opener(service, [KEY]).open(envelope, b"order 42") == data
    for wrong in (b"", b"order 43"):
        with pytest.raises(EnvelopeError):
            Opener(service).open(envelope, wrong)


def test_equal_plaintexts_have_different_envelopes(sealer: Sealer) -> None:
    assert len({sealer.seal(b"same") for _ in range(20)}) == 20


class Drip:
    """A source that returns a few bytes per read, like a socket."""

    def __init__(self, data: Any) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: Any) -> Any:
        return self._data.read(min(size, 1000))


class Sip(io.RawIOBase):
    """A target that accepts a few bytes per write, like a raw pipe."""

    def __init__(self) -> None:
        self.taken = b""

    def write(self, data: Any) -> Any:
        self.taken += bytes(data[:777])
        return min(len(data), 777)


def test_partial_reads_and_writes_are_completed(service: DataKeyService, sealer: Sealer) -> None:
    data, sealed, opened = os.urandom(30_000), Sip(), Sip()
    assert sealer.seal_stream(Drip(data), sealed) == len(data)
    assert Opener(service).open_stream(Drip(sealed.taken), opened) == len(data)
    assert opened.taken == data


def test_memory_use_is_independent_of_the_size(service: DataKeyService, tmp_path: Path) -> None:
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    with plain.open("wb") as file:
        for _ in range(32):
            file.write(os.urandom(MEBIBYTE))
    tracemalloc.start()
    try:
        Sealer(service, KEY).seal_file(plain, sealed)
        Opener(service).open_file(sealed, opened)
        assert tracemalloc.get_traced_memory()[1] < 2 * MEBIBYTE
    finally:
        tracemalloc.stop()
    assert opened.read_bytes() == plain.read_bytes()


def test_file_is_private_and_complete_or_absent(service: DataKeyService, sealer: Sealer, tmp_path: Path) -> None:
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_bytes(os.urandom(20_000))
    assert sealer.seal_file(plain, sealed, b"aad") == 20_000
    good = sealed.read_bytes()
    for bad in (good[:-1], good[:-4112], good + b"x", b""):
        sealed.write_bytes(bad)
        opened.write_bytes(b"from before")
        with pytest.raises(EnvelopeError):
            Opener(service).open_file(sealed, opened, b"aad")
        assert opened.read_bytes() == b"from before"
    sealed.write_bytes(good)
    assert Opener(service).open_file(sealed, opened, b"aad") == 20_000
    assert opened.read_bytes() == plain.read_bytes()
    assert stat.S_IMODE(opened.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opened", "plain", "sealed"]


def test_stream_receives_only_verified_data(service: DataKeyService, sealer: Sealer) -> None:
    data = os.urandom(20_000)
    envelope = bytearray(sealer.seal(data))
    envelope[-5000] ^= 1
    target = io.BytesIO()
    with pytest.raises(EnvelopeError):
        Opener(service).open_stream(io.BytesIO(envelope), target)
    assert data.startswith(target.getvalue())
    assert len(target.getvalue()) < len(data)


class NotYet(io.RawIOBase):
    """A non-blocking pipe that is not ready."""

    def readinto(self, _buffer: Any) -> Any:
        return None

    def write(self, _data: Any) -> Any:
        return None


def test_nonblocking_stream_that_is_not_ready_raises_an_error(service: DataKeyService, sealer: Sealer) -> None:
    envelope = sealer.seal(b"data")
    for source, target in ((NotYet(), io.BytesIO()), (io.BytesIO(b"data"), NotYet())):
        with pytest.raises(BlockingIOError):
            sealer.seal_stream(source, target)
    with pytest.raises(BlockingIOError):
        Opener(service).open_stream(io.BytesIO(envelope), NotYet())


@pytest.mark.parametrize("size", [0, 4095, MEBIBYTE + 1])
def test_invalid_segment_size_is_rejected(service: DataKeyService, size: Any) -> None:
    with pytest.raises(ValueError, match="segment_size"):
        Sealer(service, KEY, segment_size=size)


def test_no_segment_can_follow_the_last() -> None:
    sealer = SegmentSealer(b"k" * 32, Header(4096, KEY, "encrypted", b"s" * 32), b"")
    sealer.seal(b"end", last=True, into=bytearray(19))
    with pytest.raises(ValueError, match="no segment can follow"):
        sealer.seal(b"more", last=True, into=bytearray(20))


@pytest.mark.xdist_group("sandbox")
async def test_asyncio_envelopes_with_a_real_gateway(keyway_sandbox: Sandbox, tmp_path: Path) -> None:
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_bytes(os.urandom(3 * MEBIBYTE))
    async with keyway.aio.connect(keyway_sandbox.plain, plaintext=True) as client:
        sealer, opener = AsyncSealer(client.keys, KEY), AsyncOpener(client.keys, [KEY])
        for size in (0, 100, 2 * MEBIBYTE):
            data = os.urandom(size)
            assert await opener.open(await sealer.seal(data, b"aad"), b"aad") == data
        await sealer.seal_file(plain, sealed)
        await opener.open_file(sealed, opened)
        assert opened.read_bytes() == plain.read_bytes()
        stream = io.BytesIO()
        await sealer.seal_stream(io.BytesIO(b"stream"), stream)
        again = io.BytesIO()
        await opener.open_stream(io.BytesIO(stream.getvalue()), again)
        assert again.getvalue() == b"stream"
        with pytest.raises(EnvelopeError):
            await opener.open(sealed.read_bytes()[:-1])
    with keyway_sandbox.connect() as client:
        assert Opener(client.keys).open(sealed.read_bytes()) == plain.read_bytes()
