"""A journal directory of version 1 of the writer: it verifies, continues, and is shipped from its cursor."""

import shutil
from pathlib import Path

import pytest

from gateway.journal.format.cursor import load
from gateway.journal.format.records import Receipt
from gateway.journal.format.segments import segment_starts
from gateway.journal.ship.reader import ChainReader
from gateway.journal.verify.verification import verify
from tests.support.journals import events, journal_in, record_call, records, verified

DATA = Path(__file__).parent / "data" / "journal-v1"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "audit"))


def test_older_journal_verifies(directory: Path) -> None:
    report = verified(directory)
    assert (report.segments, report.intents, report.outcomes, report.other_events) == (3, 13, 12, 1)
    assert report.open == ("open",)
    assert report.unsigned == 0
    assert verify(directory).keys == ("5c14475ef8497575",)


async def test_older_journal_is_continued_in_the_same_chain(directory: Path) -> None:
    head = Receipt(*records(directory)[-1].receipt)
    async with journal_in(directory) as journal:
        assert journal.digest_key == (DATA / "digest-key").read_bytes()
        await record_call(journal, "new")
    assert segment_starts(directory / "worker-0") == [1, 15, 27]
    assert events(directory)[-3:] == [("open", "outcome"), ("new", "intent"), ("new", "outcome")]
    assert verified(directory).open == ()
    assert verify(directory, expected=[head]).good


def test_older_cursor_is_continued(directory: Path) -> None:
    cursor = load(directory / "worker-0")
    assert cursor is not None
    batch = ChainReader(directory / "worker-0").batch(cursor, records=1000, bytes_=1 << 20)
    assert [end.sequence for end in batch.ends] == list(range(5, len(records(directory)) + 1))
