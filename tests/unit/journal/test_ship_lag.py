"""The shipping lag."""

import time
from pathlib import Path

import pytest

from gateway.journal.format.cursor import store
from gateway.journal.format.segments import CURSOR
from gateway.journal.ship.lag import Lag, shipping_lag
from gateway.journal.ship.reader import ChainReader
from tests.support.chains import CHAIN, ChainWriter


@pytest.fixture
def writer(tmp_path: Path) -> ChainWriter:
    return ChainWriter(tmp_path / "worker-0")


def behind(directory: Path) -> tuple[int, int]:
    """Return the number of records, and the age in seconds, rounded down to tens."""
    found = shipping_lag(directory)[CHAIN]
    return found.records, int(found.seconds) // 10 * 10


def ship(writer: ChainWriter, count: int) -> None:
    cursor = ChainReader(writer.folder).batch(None, records=count, bytes_=1 << 20).ends[-1]
    store(writer.folder, cursor, writer.key)


def test_lag_is_the_records_after_the_cursor_and_the_age_of_the_first(writer: ChainWriter, tmp_path: Path) -> None:
    assert shipping_lag(tmp_path) == {}
    assert shipping_lag(tmp_path / "not-made-yet") == {}
    now = int(time.time() * 1000)
    writer.append(time=now - 60_000)
    writer.append(3, time=now - 30_000)
    writer.write(b'{"chain":"gw-')
    assert behind(tmp_path) == (4, 60)
    ship(writer, 1)
    assert behind(tmp_path) == (3, 30)
    ship(writer, 4)
    assert shipping_lag(tmp_path) == {CHAIN: Lag(0, 0.0)}


def test_removed_segments_do_not_change_the_lag(writer: ChainWriter, tmp_path: Path) -> None:
    writer.append(3)
    ship(writer, 3)
    writer.rotate()
    writer.append(2, text="x" * 100_000)
    writer.remove(1)
    assert shipping_lag(tmp_path)[CHAIN].records == 3


def test_lag_covers_each_readable_chain(writer: ChainWriter, tmp_path: Path) -> None:
    other = ChainWriter(tmp_path / "worker-1", chain="gw-fedcba9876543210")
    other.append(2)
    writer.append(1)
    assert {chain: behind.records for chain, behind in shipping_lag(tmp_path).items()} == {
        CHAIN: 1,
        "gw-fedcba9876543210": 2,
    }
    (writer.folder / CURSOR).write_text("{}")
    assert set(shipping_lag(tmp_path)) == {"gw-fedcba9876543210"}
