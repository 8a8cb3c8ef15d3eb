"""The limits of batches, before decoding and before authorization."""

import time
from typing import Any

import pytest
from google.protobuf.message import DecodeError

from gateway.server import batch_limits
from keyway.v1 import key_service_pb2 as keys

KEY = "providers/p/keys/k"
UNKNOWN = b"\xf8\x01\x05"
"""Field 31, which no batch request has."""
OVERLONG = b"\x8a\x00\x00"
"""An empty item with a two-byte tag, which decoders accept."""


def batch(size: int, name: str = KEY, plaintext: bytes = b"x" * 100) -> Any:
    return keys.BatchEncryptRequest(requests=[keys.EncryptRequest(name=name, plaintext=plaintext)] * size)


def items_of(raw: bytes) -> int:
    return len(keys.BatchEncryptRequest.FromString(raw).requests)


class TestCut:
    def test_batch_within_the_limit_is_unchanged(self) -> None:
        raw = batch(1000).SerializeToString() + UNKNOWN * 50 + b"\xfd\x01abcd\xf9\x01abcdefgh"
        assert batch_limits.cut(raw, 1) is raw

    @pytest.mark.parametrize("item", [b"\x0a\x00", OVERLONG])
    def test_batch_is_cut_after_the_first_extra_item(self, item: bytes) -> None:
        raw = item * (8 << 20)
        began = time.thread_time()
        assert items_of(batch_limits.cut(raw, 1)) == 1001
        assert time.thread_time() - began < 0.25, "without the cut it takes seconds, and half a gigabyte"

    def test_items_after_other_fields_are_counted(self) -> None:
        raw = UNKNOWN * 100 + b"\x0a\x00" * 100_000
        assert items_of(batch_limits.cut(raw, 1)) == 1001

    @pytest.mark.parametrize(
        "raw",
        [UNKNOWN * 30_000 + b"\x0a\x00" * 30_000, b"\x0b" * 70_000, b"\xff" * 70_000, b"\xfa\x01" + b"\xff" * 70_000],
        ids=["hidden behind unknown fields", "groups", "no end of a tag", "no end of a length"],
    )
    def test_batch_with_many_other_fields_is_rejected(self, raw: bytes) -> None:
        with pytest.raises(DecodeError):
            batch_limits.cut(raw, 1)

    def test_truncated_bytes_are_left_to_the_decoder(self) -> None:
        raw = batch(1000).SerializeToString()[:-1]
        assert batch_limits.cut(raw, 1) is raw


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (batch(0), "must have 1 to 1000 items"),
        (batch(1), None),
        (batch(1000), None),
        (batch(1001), "must have 1 to 1000 items"),
        (batch(128, "n" * 1024), None),
        (batch(129, "n" * 1024), "must have names with a total of at most 131072 characters"),
    ],
)
def test_size_fault_describes_the_limit(request_: Any, fault: str | None) -> None:
    assert batch_limits.size_fault(request_.requests) == fault


def test_names_of_an_oversized_batch_are_bounded() -> None:
    requests = [keys.EncryptRequest(name=f"{number:04}" + "n" * 1020) for number in range(1000)]
    assert len(list(batch_limits.bounded_names(requests))) == 128
    assert len(list(batch_limits.bounded_names(batch(1000).requests))) == 1
