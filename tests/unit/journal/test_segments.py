"""Reading of records from a position in the segments of a chain, while they grow."""

from pathlib import Path

import pytest

from gateway.journal.format import segments
from gateway.journal.format.records import NO_HASH, MalformedRecord, encode
from gateway.journal.format.segments import (
    ChainPosition,
    SegmentMissing,
    chain_folders,
    read_records,
    segment_path,
    segment_starts,
)


def lines(first: int, count: int) -> list[bytes]:
    return [encode("gw-1", sequence, NO_HASH, "event", b"{}")[0] for sequence in range(first, first + count)]


def sequences(folder: Path, position: ChainPosition | None = None) -> list[int]:
    return [stored.record.sequence for stored in read_records(folder, position)]


def test_records_of_all_segments_are_read_in_order(tmp_path: Path) -> None:
    segment_path(tmp_path, 4).write_bytes(b"".join(lines(4, 2)))
    segment_path(tmp_path, 1).write_bytes(b"".join(lines(1, 3)))
    assert segment_starts(tmp_path) == [1, 4]
    assert sequences(tmp_path) == [1, 2, 3, 4, 5]


def test_incomplete_line_is_read_when_it_is_complete(tmp_path: Path) -> None:
    first, second = lines(1, 2)
    path = segment_path(tmp_path, 1)
    path.write_bytes(first + second[:-1])
    (stored,) = read_records(tmp_path)
    path.write_bytes(first + second)
    assert sequences(tmp_path, stored.end) == [2]


def test_reading_continues_at_the_last_end(tmp_path: Path) -> None:
    segment_path(tmp_path, 1).write_bytes(b"".join(lines(1, 3)))
    *_, last = read_records(tmp_path)
    assert sequences(tmp_path, last.end) == []
    segment_path(tmp_path, 4).write_bytes(b"".join(lines(4, 1)))
    assert sequences(tmp_path, last.end) == [4]
    assert sequences(tmp_path, last.position) == [3, 4]


def test_records_added_before_a_rotation_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader saw the end of the segment before the writer added records and began the next segment."""
    first, second, third = lines(1, 3)
    segment_path(tmp_path, 1).write_bytes(first)

    def starts_after_writing(chain: Path) -> list[int]:
        if not segment_path(chain, 3).exists():
            with segment_path(chain, 1).open("ab") as file:
                file.write(second)
            segment_path(chain, 3).write_bytes(third)
        return segment_starts(chain)

    with monkeypatch.context() as patch:
        reading = read_records(tmp_path)
        assert next(reading).record.sequence == 1
        patch.setattr(segments, "segment_starts", starts_after_writing)
        assert [stored.record.sequence for stored in reading] == [2, 3]


def test_long_records_are_read(tmp_path: Path) -> None:
    long, _ = encode("gw-1", 1, NO_HASH, "segment", b'{"a":"%b"}' % (b"x" * 1_000_000))
    segment_path(tmp_path, 1).write_bytes(long + lines(2, 1)[0])
    assert sequences(tmp_path) == [1, 2]


@pytest.mark.parametrize("position", [ChainPosition(9, 0), ChainPosition(1, 1_000_000)])
def test_missing_position_is_an_error(tmp_path: Path, position: ChainPosition) -> None:
    segment_path(tmp_path, 1).write_bytes(b"".join(lines(1, 1)))
    with pytest.raises(SegmentMissing):
        sequences(tmp_path, position)


def test_malformed_line_is_an_error(tmp_path: Path) -> None:
    segment_path(tmp_path, 1).write_bytes(b"{}\n")
    with pytest.raises(MalformedRecord):
        sequences(tmp_path)


def test_chains_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("worker-10", "worker-2", "worker-02", "other"):
        (tmp_path / name).mkdir()
    assert [path.name for path in chain_folders(tmp_path)] == ["worker-2", "worker-10"]


def test_chain_without_segments_has_no_records(tmp_path: Path) -> None:
    assert sequences(tmp_path) == []
