"""Keys of the journal: generated, configured, invalid, and changed ones."""

from pathlib import Path

import pytest

from gateway.config.base import ConfigError
from gateway.journal.format.segments import segment_starts
from gateway.journal.write.journal import Journal
from tests.support.attacks import key_id
from tests.support.journals import (
    audit_settings,
    bodies,
    journal_in,
    new_signing_key,
    record_call,
    unknown_outcome,
    verified,
)


async def test_keys_are_generated_once(tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        digest_key = journal.digest_key
        public_key = (tmp_path / "public-key.pem").read_bytes()
    async with journal_in(tmp_path) as journal:
        assert journal.digest_key == digest_key
    assert len(digest_key) == 32
    assert (tmp_path / "public-key.pem").read_bytes() == public_key


async def test_configured_keys_are_used(tmp_path: Path) -> None:
    key = new_signing_key(tmp_path / "key.pem")
    async with journal_in(tmp_path / "audit", signing_key_file=key, digest_key="0123456789abcdef") as journal:
        assert journal.digest_key == b"0123456789abcdef"
    assert not (tmp_path / "audit" / "signing-key.pem").exists()
    assert not (tmp_path / "audit" / "digest-key").exists()
    verified(tmp_path / "audit")


@pytest.mark.parametrize("content", [b"", b"secret-marker", b"-----BEGIN PRIVATE KEY-----\nsecret-marker\n"])
async def test_invalid_key_is_reported_without_its_content(tmp_path: Path, content: bytes) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(content)
    with pytest.raises(ConfigError, match=r"key\.pem") as raised:
        await Journal.open(audit_settings(tmp_path / "audit", signing_key_file=key), 0, unknown_outcome=unknown_outcome)
    assert "secret-marker" not in str(raised.value)


async def test_new_key_begins_a_segment(tmp_path: Path) -> None:
    first, second = new_signing_key(tmp_path / "1.pem"), new_signing_key(tmp_path / "2.pem")
    directory = tmp_path / "audit"
    async with journal_in(directory, signing_key_file=first) as journal:
        await record_call(journal, "r1")
    old = (directory / "public-key.pem").read_bytes()
    async with journal_in(directory, signing_key_file=second, signing_key_ids=[key_id(second)]) as journal:
        await record_call(journal, "r2")
    assert len(segment_starts(directory / "worker-0")) == 2
    keys = [body["key"]["id"] for body in bodies(directory, "segment")]
    assert keys[0] != keys[1]
    assert (directory / f"public-key-{keys[0]}.pem").read_bytes() == old
    verified(directory)
