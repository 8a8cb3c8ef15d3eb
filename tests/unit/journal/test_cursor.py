"""The cursor file."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.journal.format.cursor import Cursor, CursorError, CursorNotSigned, load, load_signed, store
from gateway.journal.format.keys import SigningKey
from gateway.journal.format.segments import CURSOR, ChainPosition

KEY, OTHER_KEY = (SigningKey(Ed25519PrivateKey.generate()) for _ in range(2))
PLACE = Cursor("gw-0123456789abcdef", 7, "ab" * 32, ChainPosition(5, 1234))


def test_stored_cursor_is_loaded(tmp_path: Path) -> None:
    assert load_signed(tmp_path, KEY.public) is None
    store(tmp_path, PLACE, KEY)
    assert load_signed(tmp_path, KEY.public) == PLACE
    store(tmp_path, PLACE._replace(sequence=8), KEY)
    assert load_signed(tmp_path, KEY.public) == PLACE._replace(sequence=8)


def test_cursor_file_is_json_and_accessible_to_its_owner_only(tmp_path: Path) -> None:
    store(tmp_path, PLACE, KEY)
    expected = {"chain": PLACE.chain, "sequence": 7, "hash": PLACE.hash, "segment": 5, "offset": 1234}
    content = json.loads((tmp_path / CURSOR).read_text())
    assert len(content.pop("signature")) == 88
    assert content == expected
    assert (tmp_path / CURSOR).stat().st_mode & 0o777 == 0o600


def test_write_interrupted_by_a_crash_keeps_the_previous_cursor(tmp_path: Path) -> None:
    store(tmp_path, PLACE, KEY)
    for other in tmp_path.iterdir():
        assert other.name == CURSOR
    (tmp_path / "cursor.tmp").write_text('{"chain":"gw-')
    assert load_signed(tmp_path, KEY.public) == PLACE
    store(tmp_path, PLACE._replace(sequence=8), KEY)
    assert load_signed(tmp_path, KEY.public) == PLACE._replace(sequence=8)


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


@pytest.mark.parametrize(
    ("member", "value"),
    [("chain", "gw-other"), ("sequence", 8), ("hash", "cd" * 32), ("segment", 6), ("offset", 0), ("signature", "AA==")],
)
def test_changed_member_is_not_signed(tmp_path: Path, member: str, value: object) -> None:
    store(tmp_path, PLACE, KEY)
    (tmp_path / CURSOR).write_text(json.dumps({**json.loads((tmp_path / CURSOR).read_text()), member: value}))
    with pytest.raises(CursorNotSigned):
        load_signed(tmp_path, KEY.public)


def test_cursor_of_another_key_or_of_an_older_version_is_not_signed(tmp_path: Path) -> None:
    for key in (OTHER_KEY, None):
        store(tmp_path, PLACE, key)
        with pytest.raises(CursorNotSigned):
            load_signed(tmp_path, KEY.public)
