"""Generator of the golden vectors: envelopes with fixed data keys and salts, and invalid envelopes.

It uses the Python client. tests/clients/python/test_vectors.py checks the vectors with an independent implementation of
the format. Run: .venv/bin/python -m tests.clients.make_vectors
"""

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keyway.envelope.header import SALT_BYTES, Header
from keyway.envelope.segments import TAG_BYTES, SegmentSealer
from keyway.envelope.streams import seal_stream

VECTORS = Path(__file__).parent / "vectors"
KEY_NAME = "providers/nhn-keys/keys/orders-key"
ENCRYPTED = "AAAAAQAAAAAvdVZ5Z2Vub2x0c2VsYmVy"
SMALL = 4096


def fixed(label: str, size: int) -> bytes:
    """Return pseudorandom bytes that depend only on the label."""
    return hashlib.shake_256(label.encode()).digest(size)


def vector(
    name: str,
    plaintext: bytes,
    *,
    associated_data: bytes = b"",
    segment_size: int = 65_536,
    key_name: str = KEY_NAME,
    encrypted: str = ENCRYPTED,
) -> dict[str, Any]:
    data_key, salt = fixed(f"{name} data key", 32), fixed(f"{name} salt", SALT_BYTES)
    header = Header(segment_size, key_name, encrypted, salt)
    envelope = io.BytesIO()
    seal_stream(io.BytesIO(plaintext), envelope, data_key, header, associated_data)
    return {
        "name": name,
        "data_key": data_key.hex(),
        "salt": salt.hex(),
        "segment_size": segment_size,
        "key_name": key_name,
        "encrypted_data_key": encrypted,
        "associated_data": associated_data.hex(),
        "plaintext": plaintext.hex(),
        "envelope": envelope.getvalue().hex(),
    }


def vectors() -> Iterator[Any]:
    yield vector("empty", b"")
    yield vector("empty-with-associated-data", b"", associated_data=b"order 42")
    yield vector("one-byte", b"\x00")
    yield vector("text", "주문 42, 인증서-예시".encode(), associated_data="주문".encode())
    yield vector("one-short-of-a-segment", fixed("a", SMALL - 1), segment_size=SMALL)
    yield vector("exactly-one-segment", fixed("b", SMALL), segment_size=SMALL)
    yield vector("one-more-than-a-segment", fixed("c", SMALL + 1), segment_size=SMALL)
    yield vector("exactly-three-segments", fixed("d", 3 * SMALL), segment_size=SMALL)
    yield vector("several-segments", fixed("e", 4 * SMALL + 1234), segment_size=SMALL, associated_data=fixed("f", 200))
    yield vector("odd-segment-size", fixed("g", 10_000), segment_size=4_999)
    yield vector("largest-segment-size", fixed("h", 5_000), segment_size=1_048_576)
    yield vector("unicode-key-name", b"payload", key_name="providers/nhn-keys/keys/인증서-예시")
    yield vector("longest-names", b"payload", key_name="k" * 4_096, encrypted="c" * 65_535)
    yield vector("default-segment-size", fixed("i", 70_000))


def refused() -> Iterator[Any]:
    several = next(made for made in vectors() if made["name"] == "several-segments")
    other = vector("another-envelope", fixed("other", 4 * SMALL + 1234), segment_size=SMALL)
    exact = next(made for made in vectors() if made["name"] == "exactly-three-segments")
    none = vector("empty", b"")
    whole, key, aad = bytes.fromhex(several["envelope"]), several["data_key"], several["associated_data"]
    head = len(whole) - (4 * SMALL + 1234 + 5 * TAG_BYTES)
    step = SMALL + TAG_BYTES
    header, segments = whole[:head], [whole[head + n * step : head + (n + 1) * step] for n in range(5)]

    def case(name: Any, envelope: Any, data_key: Any = key, associated_data: Any = aad) -> Any:
        return {"name": name, "envelope": envelope.hex(), "data_key": data_key, "associated_data": associated_data}

    def flipped(place: Any, bit: Any = 1) -> Any:
        return whole[:place] + bytes((whole[place] ^ bit,)) + whole[place + 1 :]

    def joined(*numbers: Any) -> Any:
        return header + b"".join(segments[number] for number in numbers)

    name_end = 10 + len(KEY_NAME)
    regions = {
        "magic": 3,
        "segment-size": 6,
        "name-length": 9,
        "name": 20,
        "key-length": name_end + 1,
        "encrypted-key": name_end + 5,
        "salt": head - 32,
        "salt-end": head - 1,
        "first-segment": head,
        "first-tag": head + SMALL,
        "middle-segment": head + 2 * step + 100,
        "last-segment": head + 4 * step,
        "last-tag": len(whole) - 1,
    }
    for region, place in regions.items():
        yield case(f"flipped-{region}", flipped(place))
    yield case("nothing", b"")
    for size in (3, 4, 9, 10, name_end, name_end + 2, head - 1):
        yield case(f"header-cut-at-{size}", whole[:size])
    yield case("no-segment", header)
    yield case("last-segment-missing", joined(0, 1, 2, 3))
    yield case("first-segment-missing", joined(1, 2, 3, 4))
    yield case("middle-segment-missing", joined(0, 1, 3, 4))
    yield case("segments-swapped", joined(0, 2, 1, 3, 4))
    yield case("segment-repeated", joined(0, 1, 1, 2, 3, 4))
    yield case("last-segment-repeated", joined(0, 1, 2, 3, 4, 4))
    yield case("last-segment-alone", joined(4))
    yield case("cut-in-a-segment", whole[: head + step + 500])
    yield case("cut-in-the-last-tag", whole[:-1])
    yield case("fewer-than-a-tag", header + segments[0][:15])
    yield case("one-byte-more", whole + b"\x00")
    foreign = bytes.fromhex(other["envelope"])
    head_of_other = len(foreign) - (len(whole) - head)
    swapped = foreign[head_of_other + step : head_of_other + 2 * step]
    yield case("segment-of-another-envelope", header + segments[0] + swapped + b"".join(segments[2:]))
    yield case("header-of-another-envelope", foreign[:head_of_other] + whole[head:])
    yield case("another-data-key", whole, data_key=other["data_key"])
    yield case("other-associated-data", whole, associated_data=b"other".hex())
    yield case("no-associated-data", whole, associated_data="")
    three = bytes.fromhex(exact["envelope"])
    yield case("exact-end-cut", three[:-step], exact["data_key"], "")
    yield case("empty-with-a-byte-more", bytes.fromhex(none["envelope"]) + b"\x00", none["data_key"], "")
    yield from lies(case)


def lies(case: Any) -> Iterator[Any]:
    """Sealed with the right key, by someone who does not keep to the format."""
    key = fixed("liar", 32)
    header = Header(SMALL, KEY_NAME, ENCRYPTED, fixed("liar salt", SALT_BYTES))

    def sealed(*pieces: Any, changed: Any = header, raw: Any = None) -> Any:
        """Segments of any length, the last marked as such."""
        sealer = SegmentSealer(key, changed, b"")
        output = [raw or changed.encode()]
        for number, piece in enumerate(pieces):
            sealer._size, sealer._ended = len(piece), False
            buffer = bytearray(len(piece) + TAG_BYTES)
            sealer.seal(piece, last=number == len(pieces) - 1, into=buffer)
            output.append(bytes(buffer))
        return b"".join(output)

    full = fixed("full", SMALL)
    yield case("empty-last-segment-after-others", sealed(full, b""), key.hex(), "")
    yield case("segment-longer-than-said", sealed(full + b"\x01" * 16), key.hex(), "")
    yield case("short-segment-in-the-middle", sealed(full[:-1], full), key.hex(), "")
    encoded = header.encode()
    name_end = 10 + len(KEY_NAME)
    for name, raw in {
        "segment-size-too-small": encoded[:4] + (4095).to_bytes(4, "big") + encoded[8:],
        "segment-size-too-large": encoded[:4] + (1_048_577).to_bytes(4, "big") + encoded[8:],
        "no-key-name": encoded[:8] + b"\0\0" + encoded[name_end:],
        "key-name-too-long": encoded[:8] + (4097).to_bytes(2, "big") + b"k" * 4097 + encoded[name_end:],
        "key-name-not-utf-8": encoded[:10] + b"\xff" + encoded[11:],
        "no-encrypted-key": encoded[:name_end] + b"\0\0" + encoded[-32:],
        "encrypted-key-not-utf-8": encoded[: name_end + 2] + b"\xc3\x28" + encoded[name_end + 4 :],
        "another-version": b"KWE2" + encoded[4:],
    }.items():
        yield case(name, sealed_with_raw(key, raw, header), key.hex(), "")
    for name, wrong in {"data-key-too-short": key[:-1], "data-key-too-long": key + b"\0"}.items():
        yield case(name, sealed_with_raw(wrong, encoded, header), wrong.hex(), "")


def sealed_with_raw(data_key: Any, raw: Any, header: Any) -> Any:
    """One segment, sealed with the key that a header of just these bytes gives."""

    class Raw(Header):
        def encode(self) -> Any:
            return raw

    lying = Raw(header.segment_size, header.key_name, header.encrypted_data_key, header.salt)
    buffer = bytearray(7 + TAG_BYTES)
    SegmentSealer(data_key, lying, b"").seal(b"payload", last=True, into=buffer)
    return raw + bytes(buffer)


def main() -> None:
    VECTORS.mkdir(exist_ok=True)
    for made in vectors():
        (VECTORS / f"{made['name']}.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    (VECTORS / "refused.json").write_text(json.dumps(list(refused()), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
