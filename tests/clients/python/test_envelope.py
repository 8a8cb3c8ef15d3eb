"""Sealing and opening: what the gateway is asked, what is written, and what is refused."""

import io
import os
import stat
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import grpc
import pytest

import keyway
from keyway.envelope import AsyncOpener, AsyncSealer, Bounds, EnvelopeError, Opener, Sealer
from keyway.envelope.data_keys import Current
from keyway.envelope.header import Header, read_header
from keyway.envelope.segments import SegmentSealer
from keyway.envelope.streams import read_exactly
from keyway.testing import Sandbox
from keyway.v1 import key_service_pb2 as keys

KEY = "providers/nhn-keys/keys/orders-key"
MEBIBYTE = 1 << 20


class Vault:
    """A key service that remembers its data keys, and what it was asked."""

    def __init__(self) -> None:
        self.made: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []

    def GenerateDataKey(self, request: Any) -> Any:  # noqa: N802
        key, name = os.urandom(32), f"{request.name}#{len(self.made)}"
        self.made[name] = key
        self.asked.append(("made", request.name))
        return keys.GenerateDataKeyResponse(plaintext=key, ciphertext=name, key_version=2)

    def Decrypt(self, request: Any) -> Any:  # noqa: N802
        self.asked.append(("decrypted", request.name))
        assert request.encoding == keys.ENCODING_BASE64
        if request.ciphertext not in self.made:
            raise keyway.KeywayError(grpc.StatusCode.INVALID_ARGUMENT, "no such", reason="INVALID_USER_DATA")
        return keys.DecryptResponse(plaintext=self.made[request.ciphertext])


@pytest.fixture
def vault() -> Any:
    return Vault()


@pytest.fixture
def sealer(vault: Vault) -> Any:
    return Sealer(vault, KEY, segment_size=4096)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 8192, 50_000])
def test_bytes_come_back(vault: Vault, sealer: Sealer, size: Any) -> None:
    data = os.urandom(size)
    envelope = sealer.seal(data, b"order 42")
    assert size < 16 or data not in envelope
    assert Opener(vault, [KEY]).open(envelope, b"order 42") == data
    for wrong in (b"", b"order 43"):
        with pytest.raises(EnvelopeError):
            Opener(vault).open(envelope, wrong)


def test_equal_bytes_make_unequal_envelopes(sealer: Sealer) -> None:
    assert len({sealer.seal(b"same") for _ in range(20)}) == 20


class Drip:
    """A source that gives a few bytes at a time, as a socket does."""

    def __init__(self, data: Any) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: Any) -> Any:
        return self._data.read(min(size, 1000))


class Sip(io.RawIOBase):
    """A target that takes a few bytes at a time, as a raw pipe does."""

    def __init__(self) -> None:
        self.taken = b""

    def write(self, data: Any) -> Any:
        self.taken += bytes(data[:777])
        return min(len(data), 777)


def test_sources_and_targets_that_do_a_part_of_what_they_are_asked(vault: Vault, sealer: Sealer) -> None:
    data, sealed, opened = os.urandom(30_000), Sip(), Sip()
    assert sealer.seal_stream(Drip(data), sealed) == len(data)
    assert Opener(vault).open_stream(Drip(sealed.taken), opened) == len(data)
    assert opened.taken == data


def test_memory_does_not_grow_with_the_data(vault: Vault, tmp_path: Path) -> None:
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    with plain.open("wb") as file:
        for _ in range(32):
            file.write(os.urandom(MEBIBYTE))
    tracemalloc.start()
    try:
        Sealer(vault, KEY).seal_file(plain, sealed)
        Opener(vault).open_file(sealed, opened)
        assert tracemalloc.get_traced_memory()[1] < 2 * MEBIBYTE
    finally:
        tracemalloc.stop()
    assert opened.read_bytes() == plain.read_bytes()


def test_a_file_is_there_whole_and_of_its_user_alone_or_not_at_all(
    vault: Vault, sealer: Sealer, tmp_path: Path
) -> None:
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_bytes(os.urandom(20_000))
    assert sealer.seal_file(plain, sealed, b"aad") == 20_000
    good = sealed.read_bytes()
    for bad in (good[:-1], good[:-4112], good + b"x", b""):
        sealed.write_bytes(bad)
        opened.write_bytes(b"from before")
        with pytest.raises(EnvelopeError):
            Opener(vault).open_file(sealed, opened, b"aad")
        assert opened.read_bytes() == b"from before"
    sealed.write_bytes(good)
    assert Opener(vault).open_file(sealed, opened, b"aad") == 20_000
    assert opened.read_bytes() == plain.read_bytes()
    assert stat.S_IMODE(opened.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opened", "plain", "sealed"]


def test_a_stream_gets_nothing_that_did_not_verify(vault: Vault, sealer: Sealer) -> None:
    data = os.urandom(20_000)
    envelope = bytearray(sealer.seal(data))
    envelope[-5000] ^= 1
    target = io.BytesIO()
    with pytest.raises(EnvelopeError):
        Opener(vault).open_stream(io.BytesIO(envelope), target)
    assert data.startswith(target.getvalue())
    assert len(target.getvalue()) < len(data)


def test_an_envelope_of_another_key_asks_nothing_of_the_gateway(vault: Vault, sealer: Sealer) -> None:
    envelope = sealer.seal(b"data")
    vault.asked.clear()
    with pytest.raises(EnvelopeError):
        Opener(vault, ["providers/nhn-keys/keys/another"]).open(envelope)
    assert vault.asked == []


def test_what_is_no_envelope_asks_nothing_of_the_gateway(vault: Vault) -> None:
    with pytest.raises(EnvelopeError):
        Opener(vault).open(b"KWE1 is how it begins, and then it goes on otherwise")
    assert vault.asked == []


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        (("INVALID_ARGUMENT", "INVALID_USER_DATA"), True),
        (("NOT_FOUND", "KEY_NOT_FOUND"), True),
        (("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER"), True),
        (("FAILED_PRECONDITION", "PLAINTEXT_NOT_BASE64"), True),
        (("FAILED_PRECONDITION", "KEY_NOT_ACTIVE"), False),
        (("PERMISSION_DENIED", "PERMISSION_DENIED"), False),
        (("UNAUTHENTICATED", "UNAUTHENTICATED"), False),
        (("UNAVAILABLE", "PROVIDER_BUSY"), False),
        (("DEADLINE_EXCEEDED", "PROVIDER_TIMEOUT"), False),
        (("NOT_FOUND", ""), False),
        (("UNIMPLEMENTED", ""), False),
    ],
)
def test_only_what_the_gateway_says_of_the_envelope_is_the_envelopes_fault(
    vault: Vault, sealer: Sealer, monkeypatch: pytest.MonkeyPatch, said: Any, refused: Any
) -> None:
    envelope = sealer.seal(b"data")

    def fails(_request: Any) -> Any:
        code, reason = said
        raise keyway.KeywayError(grpc.StatusCode[code], "later", reason=reason)

    monkeypatch.setattr(vault, "Decrypt", fails)
    with pytest.raises(EnvelopeError if refused else keyway.KeywayError):
        Opener(vault).open(envelope)


def test_a_data_key_that_the_gateway_does_not_know_is_the_envelopes_fault(vault: Vault, sealer: Sealer) -> None:
    envelope = sealer.seal(b"data")
    vault.made.clear()
    with pytest.raises(EnvelopeError):
        Opener(vault).open(envelope)


def test_a_data_key_of_another_length_is_refused(vault: Vault, sealer: Sealer) -> None:
    envelope = sealer.seal(b"data")
    vault.made = {name: key[:16] for name, key in vault.made.items()}
    with pytest.raises(EnvelopeError):
        Opener(vault).open(envelope)


def data_key_of(envelope: Any) -> Any:
    source = io.BytesIO(envelope)
    return read_header(lambda size: read_exactly(source, size)).encrypted_data_key


def test_a_data_key_seals_so_many_envelopes(vault: Vault) -> None:
    sealer = Sealer(vault, KEY, bounds=Bounds(envelopes=3))
    used = [data_key_of(sealer.seal(b"data")) for _ in range(7)]
    assert [used.count(key) for key in dict.fromkeys(used)] == [3, 3, 1]


def test_a_data_key_seals_so_many_bytes(vault: Vault) -> None:
    sealer = Sealer(vault, KEY, bounds=Bounds(bytes=1000))
    used = [data_key_of(sealer.seal(b"x" * size)) for size in (999, 5000, 1, 999, 1)]
    assert [used.count(key) for key in dict.fromkeys(used)] == [2, 2, 1]


class Full(io.RawIOBase):
    """A target that takes a little, and then fails."""

    def write(self, data: Any) -> Any:
        if len(data) > 4000:
            raise OSError("no space left")
        return len(data)


def test_what_was_sealed_before_a_failure_counts_too(vault: Vault) -> None:
    sealer = Sealer(vault, KEY, segment_size=4096, bounds=Bounds(bytes=1000))
    with pytest.raises(OSError, match="no space"):
        sealer.seal_stream(io.BytesIO(b"x" * 9000), Full())
    sealer.seal(b"another")
    assert vault.asked == [("made", KEY)] * 2


class NotYet(io.RawIOBase):
    """A non-blocking pipe that has nothing yet, and no room either."""

    def readinto(self, _buffer: Any) -> Any:
        return None

    def write(self, _data: Any) -> Any:
        return None


def test_what_would_have_to_wait_is_no_end(vault: Vault, sealer: Sealer) -> None:
    envelope = sealer.seal(b"data")
    for source, target in ((NotYet(), io.BytesIO()), (io.BytesIO(b"data"), NotYet())):
        with pytest.raises(BlockingIOError):
            sealer.seal_stream(source, target)
    with pytest.raises(BlockingIOError):
        Opener(vault).open_stream(io.BytesIO(envelope), NotYet())


def test_a_data_key_grows_old() -> None:
    now = 100.0
    current = Current(Bounds(seconds=300), lambda: now)
    assert current.take() is None
    current.put(b"key", "encrypted", 100.0)
    now = 399.9
    assert current.take() is not None
    now = 400.0
    assert current.take() is None
    now = 300.0
    assert current.take() is None


@pytest.mark.parametrize("bounds", [{"envelopes": 0}, {"bytes": 0}, {"seconds": 0}])
def test_bounds_that_nothing_keeps(bounds: Any) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Bounds(**bounds)


@pytest.mark.parametrize("size", [0, 4095, MEBIBYTE + 1])
def test_segment_sizes_that_the_format_does_not_have(vault: Vault, size: Any) -> None:
    with pytest.raises(ValueError, match="segment_size"):
        Sealer(vault, KEY, segment_size=size)


def test_no_segment_follows_the_last() -> None:
    sealer = SegmentSealer(b"k" * 32, Header(4096, KEY, "encrypted", b"s" * 32), b"")
    sealer.seal(b"end", last=True, into=bytearray(19))
    with pytest.raises(ValueError, match="no segment can follow"):
        sealer.seal(b"more", last=True, into=bytearray(20))


def test_threads_share_a_sealer_and_its_data_key(vault: Vault) -> None:
    sealer, envelopes = Sealer(vault, KEY), []
    threads = [threading.Thread(target=lambda: envelopes.append(sealer.seal(b"data"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert vault.asked == [("made", KEY)]
    assert all(Opener(vault).open(envelope) == b"data" for envelope in envelopes)


def test_no_secret_in_what_is_printed() -> None:
    current = Current(Bounds())
    assert "secret" not in repr(current.put(b"the secret key", "encrypted", 0.0))


@pytest.mark.xdist_group("sandbox")
async def test_the_asyncio_side_and_a_real_gateway(keyway_sandbox: Sandbox, tmp_path: Path) -> None:
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
