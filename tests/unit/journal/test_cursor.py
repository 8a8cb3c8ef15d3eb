"""The cursor file."""

import json
from pathlib import Path

import pytest

from gateway.journal.format.cursor import Cursor, CursorError, load, store
from gateway.journal.format.segments import CURSOR, ChainPosition

PLACE = Cursor("gw-0123456789abcdef", 7, "ab" * 32, ChainPosition(5, 1234))


def test_stored_cursor_is_loaded(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    store(tmp_path, PLACE)
    assert load(tmp_path) == PLACE
    store(tmp_path, PLACE._replace(sequence=8))
    assert load(tmp_path) == PLACE._replace(sequence=8)


def test_cursor_file_is_json_and_accessible_to_its_owner_only(tmp_path: Path) -> None:
    store(tmp_path, PLACE)
    expected = {"chain": PLACE.chain, "sequence": 7, "hash": PLACE.hash, "segment": 5, "offset": 1234}
    assert json.loads((tmp_path / CURSOR).read_text()) == expected
    assert (tmp_path / CURSOR).stat().st_mode & 0o777 == 0o600


def test_write_interrupted_by_a_crash_keeps_the_previous_cursor(tmp_path: Path) -> None:
    store(tmp_path, PLACE)
    for other in tmp_path.iterdir():
        assert other.name == CURSOR
    (tmp_path / "cursor.tmp").write_text('{"chain":"gw-')
    assert load(tmp_path) == PLACE
    store(tmp_path, PLACE._replace(sequence=8))
    assert load(tmp_path) == PLACE._replace(sequence=8)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"chain":"gw-1"}',
        '{"chain":"gw-1","sequence":"7","hash":"' + "0" * 64 + '","segment":1,"offset":0}',
        '{"chain":"gw-1","sequence":true,"hash":"' + "0" * 64 + '","segment":1,"offset":0}',
        '{"chain":"gw-1","sequence":-7,"hash":"' + "0" * 64 + '","segment":1,"offset":0}',
        '{"chain":"gw-1","sequence":7,"hash":"00","segment":1,"offset":0}',
    ],
)
def test_invalid_cursor_file_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / CURSOR).write_text(content)
    with pytest.raises(CursorError, match="is not a valid cursor file"):
        load(tmp_path)
