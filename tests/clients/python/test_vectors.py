"""Golden vectors, checked with the client and with an independent implementation of docs/envelope-format.md."""

import hashlib
import hmac
import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from keyway.envelope.errors import EnvelopeError
from keyway.envelope.header import Header, read_header
from keyway.envelope.streams import open_stream, read_exactly, seal_stream
from tests.clients.make_vectors import VECTORS, refused, vectors

GOLDEN = [json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json")) if path.name != "refused.json"]
REFUSED = json.loads((VECTORS / "refused.json").read_text())


def names(cases: Any) -> Any:
    return [case["name"] for case in cases]


def test_committed_vectors_are_up_to_date() -> None:
    assert sorted(names(vectors())) == sorted(names(GOLDEN))
    assert {made["name"]: made for made in vectors()} == {golden["name"]: golden for golden in GOLDEN}
    assert list(refused()) == REFUSED


@pytest.mark.parametrize("golden", GOLDEN, ids=names(GOLDEN))
def test_client_seals_to_the_vector(golden: Any) -> None:
    header = Header(
        golden["segment_size"], golden["key_name"], golden["encrypted_data_key"], bytes.fromhex(golden["salt"])
    )
    output = io.BytesIO()
    key, associated = bytes.fromhex(golden["data_key"]), bytes.fromhex(golden["associated_data"])
    seal_stream(io.BytesIO(bytes.fromhex(golden["plaintext"])), output, key, header, associated)
    assert output.getvalue().hex() == golden["envelope"]


@pytest.mark.parametrize("golden", GOLDEN, ids=names(GOLDEN))
def test_vector_is_opened(golden: Any) -> None:
    key, associated = bytes.fromhex(golden["data_key"]), bytes.fromhex(golden["associated_data"])
    plaintext = bytes.fromhex(golden["plaintext"])
    assert opened_by_client(bytes.fromhex(golden["envelope"]), key, associated) == plaintext
    assert opened_independently(bytes.fromhex(golden["envelope"]), key, associated) == plaintext


@pytest.mark.parametrize("case", REFUSED, ids=names(REFUSED))
def test_invalid_envelope_is_rejected(case: Any) -> None:
    key, associated = bytes.fromhex(case["data_key"]), bytes.fromhex(case["associated_data"])
    with pytest.raises(EnvelopeError) as refusal:
        opened_by_client(bytes.fromhex(case["envelope"]), key, associated)
    assert str(refusal.value) == "the envelope cannot be opened"
    with pytest.raises((ValueError, InvalidTag, struct.error)):
        opened_independently(bytes.fromhex(case["envelope"]), key, associated)


def opened_by_client(envelope: Any, data_key: Any, associated_data: Any) -> Any:
    source, output = io.BytesIO(envelope), io.BytesIO()
    header = read_header(lambda size: read_exactly(source, size))
    open_stream(source, output, data_key, header, associated_data)
    return output.getvalue()


def opened_independently(envelope: Any, data_key: Any, associated_data: Any) -> Any:
    """Open an envelope with HMAC and GCM only, without the client."""
    magic, size, length = struct.unpack_from(">4sIH", envelope)
    require(magic == b"KWE1" and 4096 <= size <= 1_048_576 and 1 <= length <= 4096 and len(data_key) == 32)
    place = 10 + length
    envelope[10:place].decode()
    (length,) = struct.unpack_from(">H", envelope, place)
    require(length >= 1)
    envelope[place + 2 : place + 2 + length].decode()
    place += 2 + length + 32
    require(place <= len(envelope))
    header, rest = envelope[:place], envelope[place:]
    info = b"keyway.dev/envelope/v1" + hashlib.sha256(header).digest() + hashlib.sha256(associated_data).digest()
    extracted = hmac.digest(header[-32:], data_key, "sha256")
    first = hmac.digest(extracted, info + b"\x01", "sha256")
    material = (first + hmac.digest(extracted, first + info + b"\x02", "sha256"))[:39]
    segments = [rest[start : start + size + 16] for start in range(0, len(rest), size + 16)]
    require(segments)
    plaintext = b""
    for number, segment in enumerate(segments):
        require(len(segment) >= 16 and (len(segment) > 16 or len(segments) == 1))
        last = number == len(segments) - 1
        nonce = material[32:] + struct.pack(">IB", number, last)
        decryptor = Cipher(algorithms.AES256(material[:32]), modes.GCM(nonce, segment[-16:])).decryptor()
        plaintext += decryptor.update(segment[:-16]) + decryptor.finalize()
    return plaintext


def require(condition: Any) -> None:
    if not condition:
        raise ValueError


def test_vectors_exist() -> None:
    assert len(GOLDEN) >= 10
    assert len(REFUSED) >= 40
    assert Path(VECTORS, "refused.json").exists()
