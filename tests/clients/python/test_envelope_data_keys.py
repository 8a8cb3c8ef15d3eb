"""Data keys of envelopes: reuse, and errors of the gateway."""

import io
import threading
from typing import Any

import grpc
import pytest

import keyway
from keyway.envelope import Bounds, EnvelopeError, Opener, Sealer
from keyway.envelope.data_keys import Current
from keyway.envelope.header import read_header
from keyway.envelope.streams import read_exactly
from tests.support.data_key_service import DataKeyService

KEY = "providers/nhn-keys/keys/orders-key"


@pytest.fixture
def service() -> Any:
    return DataKeyService()


@pytest.fixture
def sealer(service: DataKeyService) -> Any:
    return Sealer(service, KEY, segment_size=4096)


def test_envelope_of_an_unexpected_key_causes_no_call(service: DataKeyService, sealer: Sealer) -> None:
    envelope = sealer.seal(b"data")
    service.calls.clear()
    with pytest.raises(EnvelopeError):
        Opener(service, ["providers/nhn-keys/keys/another"]).open(envelope)
    assert service.calls == []


def test_invalid_header_causes_no_call(service: DataKeyService) -> None:
    with pytest.raises(EnvelopeError):
        Opener(service).open(b"KWE1 is how it begins, and then it goes on otherwise")
    assert service.calls == []


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
def test_only_errors_about_the_envelope_are_envelope_errors(
    service: DataKeyService, sealer: Sealer, monkeypatch: pytest.MonkeyPatch, said: Any, refused: Any
) -> None:
    envelope = sealer.seal(b"data")

    def fails(_request: Any) -> Any:
        code, reason = said
        raise keyway.KeywayError(grpc.StatusCode[code], "later", reason=reason)

    monkeypatch.setattr(service, "Decrypt", fails)
    with pytest.raises(EnvelopeError if refused else keyway.KeywayError):
        Opener(service).open(envelope)


def test_unknown_data_key_is_an_envelope_error(service: DataKeyService, sealer: Sealer) -> None:
    envelope = sealer.seal(b"data")
    service.made.clear()
    with pytest.raises(EnvelopeError):
        Opener(service).open(envelope)


def test_data_key_of_wrong_length_is_rejected(service: DataKeyService, sealer: Sealer) -> None:
    envelope = sealer.seal(b"data")
    service.made = {name: key[:16] for name, key in service.made.items()}
    with pytest.raises(EnvelopeError):
        Opener(service).open(envelope)


def data_key_of(envelope: Any) -> Any:
    source = io.BytesIO(envelope)
    return read_header(lambda size: read_exactly(source, size)).encrypted_data_key


def test_data_key_is_replaced_after_a_number_of_envelopes(service: DataKeyService) -> None:
    sealer = Sealer(service, KEY, bounds=Bounds(envelopes=3))
    used = [data_key_of(sealer.seal(b"data")) for _ in range(7)]
    assert [used.count(key) for key in dict.fromkeys(used)] == [3, 3, 1]


def test_data_key_is_replaced_after_a_number_of_bytes(service: DataKeyService) -> None:
    sealer = Sealer(service, KEY, bounds=Bounds(bytes=1000))
    used = [data_key_of(sealer.seal(b"x" * size)) for size in (999, 5000, 1, 999, 1)]
    assert [used.count(key) for key in dict.fromkeys(used)] == [2, 2, 1]


class Full(io.RawIOBase):
    """A target that fails on large writes."""

    def write(self, data: Any) -> Any:
        if len(data) > 4000:
            raise OSError("no space left")
        return len(data)


def test_failed_envelope_counts_toward_the_bounds(service: DataKeyService) -> None:
    sealer = Sealer(service, KEY, segment_size=4096, bounds=Bounds(bytes=1000))
    with pytest.raises(OSError, match="no space"):
        sealer.seal_stream(io.BytesIO(b"x" * 9000), Full())
    sealer.seal(b"another")
    assert service.calls == [("generated", KEY)] * 2


def test_data_key_expires() -> None:
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
def test_bounds_must_be_positive(bounds: Any) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Bounds(**bounds)


def test_threads_share_the_data_key_of_a_sealer(service: DataKeyService) -> None:
    sealer, envelopes = Sealer(service, KEY), []
    threads = [threading.Thread(target=lambda: envelopes.append(sealer.seal(b"data"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.calls == [("generated", KEY)]
    assert all(Opener(service).open(envelope) == b"data" for envelope in envelopes)


def test_data_key_is_not_printed() -> None:
    current = Current(Bounds())
    assert "secret" not in repr(current.put(b"the secret key", "encrypted", 0.0))
