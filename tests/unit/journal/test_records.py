"""The form of records and receipts."""

import json
from hashlib import sha256

import pytest

from gateway.journal.format.records import NO_HASH, MalformedRecord, Receipt, encode, parse


def test_line_is_json_that_ends_with_its_hash() -> None:
    line, digest = encode("gw-1", 7, NO_HASH, "event", b'{"a":"\xc3\xa9"}')
    assert json.loads(line) == {
        "chain": "gw-1",
        "sequence": 7,
        "previous": NO_HASH,
        "kind": "event",
        "body": {"a": "é"},
        "hash": digest,
    }
    covered, _, _ = line.rpartition(b',"hash":"')
    assert digest == sha256(covered).hexdigest()


def test_record_survives_a_round_trip() -> None:
    line, digest = encode("gw-1", 7, NO_HASH, "checkpoint", b'{"hash":"x"}')
    record = parse(line)
    assert (record.chain, record.sequence, record.previous, record.kind) == ("gw-1", 7, NO_HASH, "checkpoint")
    assert (record.body, record.hash, record.line) == (b'{"hash":"x"}', digest, line)
    assert record.intact


def test_altered_record_is_not_intact() -> None:
    line, _ = encode("gw-1", 7, NO_HASH, "event", b'{"a":1}')
    assert not parse(line.replace(b'{"a":1}', b'{"a":2}')).intact


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n", encode("gw-1", 1, NO_HASH, "event", b"{}")[0][:-1]])
def test_malformed_line_is_rejected(line: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse(line)


@pytest.mark.parametrize("body", [b"{]}", b"{}{}"])
def test_body_must_be_json(body: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse(encode("gw-1", 1, NO_HASH, "event", body)[0]).value()


def test_receipt_survives_a_round_trip() -> None:
    receipt = Receipt("gw-1", 12, "ab" * 32)
    assert str(receipt) == f"gw-1:12:{'ab' * 32}"
    assert Receipt.parse(str(receipt)) == receipt


@pytest.mark.parametrize(
    "text", ["", "gw-1:12", "gw-1:0:" + "a" * 64, "gw-1:1:" + "a" * 63, "gw-1:1:" + "A" * 64, "x:y:z"]
)
def test_malformed_receipt_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="CHAIN:SEQUENCE:HASH"):
        Receipt.parse(text)
