"""The reader of the shipper: it returns complete, durable records that follow the cursor."""

import os
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.format.cursor import Cursor
from gateway.journal.format.records import NO_HASH, encode
from gateway.journal.format.segments import segment_path
from gateway.journal.ship.reader import ChainBrokenError, ChainReader
from tests.support.chains import CHAIN, ChainWriter


@pytest.fixture
def writer(tmp_path: Path) -> ChainWriter:
    return ChainWriter(tmp_path / "worker-0")


@pytest.fixture
def reader(writer: ChainWriter) -> ChainReader:
    return ChainReader(writer.folder)


def read(reader: ChainReader, cursor: Cursor | None = None, records: int = 1000, bytes_: int = 1 << 20) -> list[Cursor]:
    return reader.batch(cursor, records=records, bytes_=bytes_).ends


def sequences(cursors: list[Cursor]) -> list[int]:
    return [cursor.sequence for cursor in cursors]


def test_records_of_all_segments_are_read_in_order_after_the_cursor(reader: ChainReader, writer: ChainWriter) -> None:
    assert read(reader) == []
    writer.append(3)
    first = read(reader)
    writer.rotate()
    writer.append(2)
    rest = read(reader, first[-1])
    assert sequences(first + rest) == [1, 2, 3, 4, 5, 6]
    assert (rest[-1].position.segment, rest[-1].position.offset) == (4, writer.path.stat().st_size)
    assert read(reader, rest[-1]) == []


def test_batch_is_limited_by_records_and_bytes_but_not_empty(reader: ChainReader, writer: ChainWriter) -> None:
    writer.append(5, text="x" * 1000)
    assert sequences(read(reader, records=2)) == [1, 2]
    assert sequences(read(reader, bytes_=4000)) == [1, 2]
    assert sequences(read(reader, bytes_=1)) == [1]
    batch = reader.batch(None, records=10, bytes_=4000)
    assert batch.export.request.ByteSize() < 4000
    (logs,) = batch.export.request.resource_logs[0].scope_logs
    assert len(logs.log_records) == len(batch) == 2


def test_incomplete_line_is_not_read(reader: ChainReader, writer: ChainWriter) -> None:
    writer.append(2)
    whole = writer.path.read_bytes()
    writer.path.write_bytes(whole[:-1])
    (first,) = read(reader)
    assert read(reader, first) == []
    writer.path.write_bytes(whole)
    assert sequences(read(reader, first)) == [2]


def test_records_are_synced_before_they_are_returned(
    reader: ChainReader, writer: ChainWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int]] = []

    def fdatasync(descriptor: int) -> None:
        synced.append((os.readlink(f"/proc/self/fd/{descriptor}"), os.fstat(descriptor).st_size))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    writer.append(2)
    size = writer.path.stat().st_size
    (first,) = read(reader, records=1)
    assert synced == [(str(writer.path), size)]
    read(reader, first)
    assert len(synced) == 1  # the reader knows that everything up to here is synced
    writer.append()
    writer.rotate()
    read(reader, first)
    assert [path for path, _ in synced[1:]] == [str(segment_path(writer.folder, start)) for start in (1, 4)]


def test_failed_sync_returns_no_records(
    reader: ChainReader, writer: ChainWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fdatasync(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    writer.append()
    with pytest.raises(OSError, match="Input/output"):
        read(reader)


def test_shipped_segment_can_be_removed(reader: ChainReader, writer: ChainWriter) -> None:
    writer.append(3)
    last = read(reader)[-1]
    writer.rotate()
    writer.remove(1)
    assert sequences(read(reader, last)) == [4]


def test_chain_with_a_removed_beginning_is_read_from_its_first_record(reader: ChainReader, writer: ChainWriter) -> None:
    writer.append(3)
    writer.rotate()
    writer.remove(1)
    assert sequences(read(reader)) == [4]


def test_removed_unshipped_records_block_the_chain(reader: ChainReader, writer: ChainWriter) -> None:
    writer.append(3)
    (first,) = read(reader, records=1)
    writer.rotate()
    writer.remove(1)
    with pytest.raises(ChainBrokenError, match="no longer contains the shipped records"):
        read(reader, first)


def test_altered_record_blocks_the_chain_after_earlier_records(reader: ChainReader, writer: ChainWriter) -> None:
    writer.append(3)
    content = writer.path.read_bytes().splitlines(keepends=True)
    content[1] = content[1].replace(b"intent", b"imtent")
    writer.path.write_bytes(b"".join(content))
    (first,) = read(reader)
    with pytest.raises(ChainBrokenError, match=r"record 2 \(0+1\.jsonl, byte \d+\): the content does not match"):
        read(reader, first)


def follower(**changes: Any) -> bytes:
    parts = {"chain": CHAIN, "sequence": 2, "previous": NO_HASH, "kind": "event", "body": b"{}", **changes}
    return encode(**parts)[0]


def test_record_that_does_not_follow_blocks_the_chain(reader: ChainReader, writer: ChainWriter) -> None:
    writer.append()
    (first,) = read(reader)
    size = writer.path.stat().st_size
    for line, fault in (
        (follower(), "does not follow record 1"),
        (follower(previous=first.hash, sequence=3), "does not follow record 1"),
        (follower(previous=first.hash, chain="gw-other"), "belongs to chain gw-other"),
        (follower(previous=first.hash, body=b"{,}"), "not JSON"),
        (follower(previous=first.hash, body=b'{"text":"\xff"}'), "not JSON"),
        (b"nonsense\n", "invalid record"),
    ):
        writer.write(line)
        with pytest.raises(ChainBrokenError, match=fault):
            read(reader, first)
        os.truncate(writer.path, size)
    writer.write(follower(previous=first.hash))
    assert sequences(read(reader, first)) == [2]


def test_journal_rolled_back_below_the_cursor_blocks_the_chain(reader: ChainReader, writer: ChainWriter) -> None:
    writer.append(2)
    size = writer.path.stat().st_size
    writer.append(2)
    last = read(reader)[-1]
    os.truncate(writer.path, size)
    with pytest.raises(ChainBrokenError, match="no longer contains the shipped records"):
        read(reader, last)
