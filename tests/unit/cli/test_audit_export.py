"""`audit export`: files, and pseudonyms for callers and peer addresses."""

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.audit_reader import SourceReader
from keyway.audit import commands, options
from keyway.audit.query import OptionError
from keyway.terminal.screen import Screen
from keyway.v1.audit_record_pb2 import AuditRecord
from tests.support.audit_records import audit_record, option_values
from tests.support.audit_source import MemorySource

CALLERS = ["sub:kim.minji@example.co.kr", "cn:田中太郎", "spiffe://example.com/orders", "dns:web.example.org"]
PEERS = ["192.0.2.7", "2001:db8::17", "192.0.2.70", "10.0.0.1"]


def mentions(number: int, caller: str, peer: str) -> AuditRecord:
    """Return a record that names its caller and its peer, and those of other records, in other fields."""
    name = caller.removeprefix("sub:").removeprefix("cn:").removeprefix("dns:")
    return audit_record(
        number,
        caller=caller,
        peer_address=peer,
        resources=[
            f"providers/nhn-keys/keys/{name}",
            "providers/nhn-keys/keys/田中太郎の鍵",
            f"providers/nhn-keys/keys/k-{peer}-1",
            f"providers/nhn-certs/certificates/{PEERS[0]}.pem",
        ],
        caller_request_id=f"{caller} from {peer}, for sub:kim.minji@example.co.kr",
        policies=[f"permit-{name}"],
    )


@pytest.fixture
def source() -> MemorySource:
    return MemorySource([mentions(number, *each) for number, each in enumerate(zip(CALLERS, PEERS, strict=True))])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text(f"{'k' * 32}\n")
    (tmp_path / "short").write_bytes(b"short\n")
    return tmp_path / "key"


async def exported(source: MemorySource, **values: Any) -> int:
    return await commands.export_records(SourceReader(source), option_values(options.EXPORT, **values), Screen())


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_no_original_value_is_left(
    source: MemorySource, key: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    await exported(source, format=form, pseudonymize="callers,peers", pseudonym_key=key)
    output = capsys.readouterr().out
    originals = [*CALLERS, *PEERS, "kim.minji", "田中太郎", "web.example.org", "example.com/orders"]
    assert [value for value in originals if value in output] == []
    assert len(set(re.findall(r"caller-[0-9a-f]{20}", output))) == len(CALLERS)
    assert len(set(re.findall(r"peer-[0-9a-f]{20}", output))) == len(PEERS)


async def test_values_of_calls_that_arrive_during_the_export_are_replaced(
    source: MemorySource, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Growing(MemorySource):
        async def summarize(self, *arguments: Any, **keywords: Any) -> Any:
            return await MemorySource(self.records[:1]).summarize(*arguments, **keywords)

    await exported(Growing(source.records), format="json", pseudonymize="callers,peers", pseudonym_key=key)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if not line["caller"].startswith("caller-")] == []
    assert [line for line in lines if not line["peerAddress"].startswith("peer-")] == []


async def test_caller_in_the_name_of_a_provider_is_replaced(key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = audit_record(0, caller="sub:kim", resources=["providers/kim/keys/k"], audit_logs=["auditLogs/kim"])
    await exported(MemorySource([record]), format="json", pseudonymize="callers", pseudonym_key=key)
    assert "kim" not in capsys.readouterr().out


async def test_equal_values_have_equal_pseudonyms_in_every_export_with_the_key(
    source: MemorySource, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def callers(records: list[AuditRecord], path: Path) -> list[str]:
        await exported(MemorySource(records), format="json", pseudonymize="callers", pseudonym_key=path)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["peerAddress"] for line in lines} == {record.peer_address for record in records}
        return [line["caller"] for line in lines]

    first = await callers([source.records[0]], key)
    both = await callers([source.records[1], source.records[0], audit_record(9, caller=CALLERS[0])], key)
    assert both[0] == both[2] == first[0] != both[1]
    (tmp_path / "other").write_bytes(b"o" * 16)
    assert await callers([source.records[0]], tmp_path / "other") != first


async def test_unknown_anonymous_and_parts_of_words_are_not_replaced(
    key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        audit_record(0, caller="unknown"),
        audit_record(1, caller="anonymous"),
        audit_record(2, caller="sub:key", resources=["providers/nhn-keys/keys/keys-of-key"]),
    ]
    await exported(MemorySource(records), format="json", pseudonymize="callers", pseudonym_key=key)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["caller"] for line in lines[1:]] == ["anonymous", "unknown"]
    assert lines[0]["resources"] == [f"providers/nhn-keys/keys/keys-of-{lines[0]['caller']}"]
    assert lines[0]["action"] == "Encrypt"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pseudonymize": "callers"}, "--pseudonymize: requires --pseudonym-key FILE"),
        ({"pseudonymize": "callers,everything"}, "--pseudonymize: 'everything' is not one of callers, peers"),
        ({"pseudonymize": "callers", "pseudonym_key": "short"}, "short: has 5 bytes; at least 16 are required"),
        ({"pseudonymize": "peers", "format": "ocsf"}, "--pseudonymize: not possible with --format ocsf"),
    ],
)
async def test_invalid_options_for_pseudonyms_are_rejected(
    source: MemorySource, key: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(key.parent)
    with pytest.raises(OptionError, match=re.escape(message)):
        await exported(source, output="calls.csv", **values)
    assert sorted(os.listdir(key.parent)) == ["key", "short"]


async def test_file_is_private_and_complete(
    source: MemorySource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "calls.csv"
    assert await exported(source, output=str(path)) == 0
    assert (len(path.read_text().splitlines()), stat.S_IMODE(path.stat().st_mode)) == (5, 0o600)
    assert capsys.readouterr() == ("", "keyway: 4 rows\n")
    with pytest.raises(FileExistsError, match="already exists; pass --force to overwrite it"):
        await exported(source, output=str(path))
    source.records.pop()
    await exported(source, output=str(path), force=True)
    assert len(path.read_text().splitlines()) == 4


async def test_failed_export_leaves_no_file(source: MemorySource, tmp_path: Path) -> None:
    class Broken(MemorySource):
        async def list(self, *arguments: Any, **keywords: Any) -> Any:
            if self.pages:
                raise ConnectionError("lost")
            return await super().list(*arguments, **keywords)

    broken = Broken([audit_record(number) for number in range(1500)])
    with pytest.raises(ConnectionError):
        await exported(broken, output=str(tmp_path / "calls.csv"))
    assert os.listdir(tmp_path) == []
