"""Verification: every kind of tampering is found, and located by file, byte, and record."""

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.journal.format import manifest as manifests
from gateway.journal.format.checkpoints import checkpoint_body
from gateway.journal.format.keys import JournalPublicKey, SigningKey, load_signing_key
from gateway.journal.format.manifest import Manifest
from gateway.journal.format.records import NO_HASH, Kind, Receipt, encode, parse
from gateway.journal.format.segments import segment_path, segment_starts
from gateway.journal.verify.chain_verification import ChainVerification
from gateway.journal.verify.report import Problem
from gateway.journal.verify.verification import Unverifiable, verify
from gateway.journal.write.starting import segment_head_body
from tests.support.journals import bodies, event, intent, journal_in, record_call, records, roll_back, verified


@pytest.fixture(scope="module")
async def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a chain of four segments with a checkpoint in most of them, and an open intent."""
    directory = tmp_path_factory.mktemp("original") / "audit"
    async with journal_in(directory, segment_bytes=4096, checkpoint_records=8) as journal:
        journal.append(intent("open"))
        for number in range(14):
            await record_call(journal, f"r{number}")
    assert len(segment_starts(directory / "worker-0")) == 4
    return directory


@pytest.fixture
def directory(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "audit"))


@pytest.fixture
def folder(directory: Path) -> Path:
    return directory / "worker-0"


def problem_of(directory: Path, *expected: Receipt, keys: list[Path] | None = None) -> Problem:
    report = verify(directory, expected=expected, public_keys=keys or ())
    assert not report.good
    (chain,) = report.chains
    assert chain.problem is not None
    return chain.problem


def test_untouched_chain_verifies(directory: Path) -> None:
    report = verified(directory)
    assert (report.intents, report.outcomes, report.open) == (15, 14, ("open",))
    assert report.records == len(records(directory))
    assert report.head == records(directory)[-1].receipt
    assert report.notes == []
    assert report.checkpoints == report.copies > 4


def test_any_changed_byte_of_any_segment_is_found_and_located(tmp_path: Path, original: Path) -> None:
    """The chain is small, because each changed byte needs a verification."""
    folder = tmp_path / "worker-0"
    folder.mkdir()
    shutil.copy(original / "public-key.pem", tmp_path)
    path = segment_path(folder, 1)
    lines = segment_path(original / "worker-0", 1).read_bytes().splitlines(keepends=True)
    assert [parse(line).kind for line in lines[:4]] == ["segment", "checkpoint", "event", "event"]
    whole = b"".join(lines[:4])
    path.write_bytes(whole)
    shutil.copy(original / "manifest", tmp_path)
    rolled_back_manifest(tmp_path, parse(lines[3]).receipt, original / "signing-key.pem")
    assert verify(tmp_path).good
    keys = [JournalPublicKey.from_pem((tmp_path / "public-key.pem").read_bytes())]
    line_starts = [0, *(sum(len(line) for line in lines[:count]) for count in range(1, 4))]
    for offset in range(len(whole)):
        changed = bytearray(whole)
        # Some bytes become a line break.
        changed[offset] = 0x0A if offset % 5 == 0 and changed[offset] != 0x0A else changed[offset] ^ 1
        path.write_bytes(changed)
        problem = ChainVerification(folder, keys, ()).run().problem
        assert problem is not None, offset
        number = sum(start <= offset for start in line_starts)
        assert problem.file == "worker-0/00000000000000000001.jsonl"
        assert (problem.offset, problem.sequence) == (line_starts[number - 1], number), offset


def test_changed_byte_in_each_record_of_each_segment_is_found(directory: Path, folder: Path) -> None:
    for start in segment_starts(folder):
        path = segment_path(folder, start)
        whole = path.read_bytes()
        offset = 0
        for number, line in enumerate(whole.splitlines(keepends=True)):
            for place in (offset + len(line) // 2, offset + len(line) - 1):
                changed = bytearray(whole)
                changed[place] ^= 1
                path.write_bytes(changed)
                problem = problem_of(directory)
                named = (f"worker-0/{path.name}", offset, start + number)
                assert (problem.file, problem.offset, problem.sequence) == named
            offset += len(line)
        path.write_bytes(whole)


def test_any_changed_byte_of_a_checkpoint_copy_is_found_and_located(directory: Path, folder: Path) -> None:
    path = folder / "checkpoints.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    first = len(b"".join(lines[:-2]))
    for offset in (*range(first, len(whole), 7), *range(len(whole) - 80, len(whole))):
        changed = bytearray(whole)
        changed[offset] ^= 1
        path.write_bytes(changed)
        problem = problem_of(directory)
        assert problem.file == "worker-0/checkpoints.jsonl"
        assert problem.offset == (first if offset < first + len(lines[-2]) else first + len(lines[-2]))


def test_any_removed_record_is_found(directory: Path, folder: Path) -> None:
    last = records(directory)[-1].sequence
    for start in segment_starts(folder):
        path = segment_path(folder, start)
        lines = path.read_bytes().splitlines(keepends=True)
        for number in range(len(lines)):
            path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
            problem = problem_of(directory)
            # The last of all is a checkpoint that is kept beside the chain.
            assert problem.sequence == start + number if start + number < last else "checkpoints" in problem.file
        path.write_bytes(b"".join(lines))


def test_swapped_records_are_found(directory: Path, folder: Path) -> None:
    path = segment_path(folder, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3], lines[4] = lines[4], lines[3]
    path.write_bytes(b"".join(lines))
    problem = problem_of(directory)
    assert (problem.sequence, problem.what) == (4, "the record has sequence number 5 instead of 4")


def test_repeated_record_is_found(directory: Path, folder: Path) -> None:
    path = segment_path(folder, 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], lines[3], *lines[4:]]))
    assert problem_of(directory).sequence == 5


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_removed_segment_is_found(directory: Path, folder: Path, index: int) -> None:
    starts = segment_starts(folder)
    segment_path(folder, starts[index]).unlink()
    problem = problem_of(directory)
    if index == 3:
        assert problem.file == "worker-0/checkpoints.jsonl"
        assert f"the chain ends with record {starts[3] - 1}, before this copied checkpoint" in problem.what
    else:
        assert problem.file == f"worker-0/{segment_path(folder, starts[index + 1]).name}"
        assert f"records {starts[index]} to {starts[index + 1] - 1} are missing" in problem.what


def test_removal_of_all_segments_is_found(directory: Path, folder: Path) -> None:
    for start in segment_starts(folder):
        segment_path(folder, start).unlink()
    assert "no longer exists" in problem_of(directory).what
    (folder / "checkpoints.jsonl").unlink()
    assert "the chain has no records" in problem_of(directory).what


def test_swapped_segments_are_found(directory: Path, folder: Path) -> None:
    first, second = (segment_path(folder, start) for start in segment_starts(folder)[1:3])
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    problem = problem_of(directory)
    assert (problem.file, problem.offset) == (f"worker-0/{first.name}", 0)


def test_renamed_segment_is_found(directory: Path, folder: Path) -> None:
    start = segment_starts(folder)[1]
    segment_path(folder, start).rename(segment_path(folder, start + 1))
    assert "are missing before this segment" in problem_of(directory).what


def test_duplicated_segment_is_found(directory: Path, folder: Path) -> None:
    last = records(directory)[-1].sequence
    shutil.copy(segment_path(folder, segment_starts(folder)[-1]), segment_path(folder, last + 1))
    problem = problem_of(directory)
    assert (problem.file, problem.offset) == (f"worker-0/{segment_path(folder, last + 1).name}", 0)


def test_segment_of_another_chain_is_found(directory: Path, folder: Path) -> None:
    last = records(directory)[-1]
    line, _ = encode("gw-other", last.sequence + 1, last.hash, "segment", b"{}")
    segment_path(folder, last.sequence + 1).write_bytes(line)
    assert problem_of(directory).what == "the record belongs to another chain, gw-other"


def test_end_removed_below_a_copied_checkpoint_is_found(directory: Path, folder: Path) -> None:
    path = segment_path(folder, segment_starts(folder)[-1])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    problem = problem_of(directory)
    assert problem.file == "worker-0/checkpoints.jsonl"
    assert "before this copied checkpoint" in problem.what


def rolled_back_manifest(directory: Path, head: Receipt, key: Path | None = None) -> None:
    """Put an earlier manifest in place, such as an attacker can have kept, with this head of worker 0."""
    manifest = manifests.load(directory)
    assert manifest is not None
    signing = load_signing_key(key or directory / "signing-key.pem")
    manifests.store(directory, manifest.with_head("worker-0", head), signing, 0)


def test_roll_back_is_found_with_a_receipt(directory: Path) -> None:
    receipt = records(directory)[-3].receipt
    assert verify(directory, expected=[receipt]).good
    checkpoint = records(directory, "checkpoint")[2].sequence
    roll_back(directory / "worker-0", keep=checkpoint)
    rolled_back_manifest(directory, records(directory)[-1].receipt)
    assert verify(directory).good
    problem = problem_of(directory, receipt)
    assert problem.sequence == receipt.sequence
    assert "rolled back" in problem.what


def test_receipt_of_another_record_is_found(directory: Path) -> None:
    receipt = records(directory)[7].receipt
    problem = problem_of(directory, receipt._replace(hash="ab" * 32))
    assert problem.sequence == receipt.sequence
    assert "receipt" in problem.what


def test_receipt_of_another_chain_is_found(directory: Path) -> None:
    receipt = records(directory)[7].receipt._replace(chain="gw-other")
    report = verify(directory, expected=[receipt])
    assert report.missing == (receipt,)
    assert not report.good


def forge(directory: Path, key: Ed25519PrivateKey) -> None:
    """Replace the chain by a consistent one with other content, signed by another key."""
    folder = directory / "worker-0"
    signing = SigningKey(key)
    chain, journal = records(directory)[0].chain, bodies(directory, "segment")[0]["manifest"]
    for start in segment_starts(folder):
        segment_path(folder, start).unlink()
    lines: list[bytes] = []
    previous = NO_HASH

    def add(kind: Kind, body: bytes) -> None:
        nonlocal previous
        line, previous = encode(chain, len(lines) + 1, previous, kind, body)
        lines.append(line)

    add("segment", segment_head_body({}, signing, None, journal=journal))
    add("event", event("intent", "forged"))
    add("checkpoint", checkpoint_body(Receipt(chain, len(lines), previous), 0, signing))
    segment_path(folder, 1).write_bytes(b"".join(lines))
    (folder / "checkpoints.jsonl").write_bytes(lines[-1])
    (directory / "public-key.pem").write_bytes(signing.public.pem)
    manifests.store(
        directory, Manifest(journal, (signing.public,), {"worker-0": Receipt(chain, 3, previous)}), signing, 0
    )


def test_forged_chain_is_found_with_the_original_key(directory: Path, original: Path) -> None:
    forge(directory, Ed25519PrivateKey.generate())
    assert verify(directory).trusts_directory
    assert verify(directory).good
    problem = problem_of(directory, keys=[original / "public-key.pem"])
    assert problem.sequence == 3
    assert "no trusted key signed a later checkpoint" in problem.what


def test_chain_without_any_checkpoint_is_found(directory: Path, folder: Path) -> None:
    chain = "gw-1"
    head, previous = encode(chain, 1, NO_HASH, "segment", records(directory)[0].body)
    line, _ = encode(chain, 2, previous, "event", event("intent", "r1"))
    for start in segment_starts(folder):
        segment_path(folder, start).unlink()
    segment_path(folder, 1).write_bytes(head + line)
    (folder / "checkpoints.jsonl").unlink()
    assert "no checkpoint of the chain is signed" in problem_of(directory).what


def test_directory_without_journal_or_key_is_unverifiable(tmp_path: Path, original: Path) -> None:
    with pytest.raises(Unverifiable, match="no such public key file"):
        verify(tmp_path)
    with pytest.raises(Unverifiable, match="contains no journal"):
        verify(tmp_path, public_keys=[original / "public-key.pem"])
    with pytest.raises(Unverifiable, match="not a public key"):
        verify(original, public_keys=[original / "worker-0" / "checkpoints.jsonl"])


def test_private_key_is_rejected_as_public_key(original: Path) -> None:
    with pytest.raises(Unverifiable, match="not a public key"):
        verify(original, public_keys=[original / "signing-key.pem"])
