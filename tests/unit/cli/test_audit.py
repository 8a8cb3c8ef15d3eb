"""`keyway-gateway audit …`: output for people and programs, and exit codes."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.audit_query import direct
from gateway.cli.program import main
from gateway.journal.format.records import encode
from gateway.journal.format.segments import segment_path, segment_starts
from tests.support.journals import journal_in, record_call, records
from tests.support.processes import Process
from tests.support.waiting import eventually

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    async with journal_in(tmp_path / "audit", segment_bytes=4096) as journal:
        for number in range(15):
            await record_call(journal, f"r{number}")
    return tmp_path / "audit"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command in this process, and returns exit code, output, and errors."""

    async def command(*arguments: object) -> tuple[int, str, str]:
        # The command has its own event loop.
        code = await asyncio.to_thread(main, ["audit", *map(str, arguments)])
        return code, *capsys.readouterr()

    return command


async def test_verify_uses_singular_and_plural(run: Run, tmp_path: Path) -> None:
    async with journal_in(tmp_path / "audit") as journal:
        await record_call(journal, "r1")
    _, output, _ = await run("verify", tmp_path / "audit")
    assert " in 1 segment: 1 intent, 1 outcome, 0 other events, " in output


async def test_verify_prints_counts_head_and_key(run: Run, directory: Path) -> None:
    code, output, _ = await run("verify", directory)
    assert code == 0
    assert "15 intents, 15 outcomes" in output
    assert f"head: {records(directory)[-1].receipt}" in output
    assert "read from the directory, because --public-key was not given" in output
    assert output.endswith("\nverified\n")


async def test_verify_prints_json(run: Run, directory: Path) -> None:
    code, output, _ = await run("verify", directory, "--json", "--public-key", directory / "public-key.pem")
    report = json.loads(output)
    assert (code, report["good"], report["trusts_directory"]) == (0, True, False)
    assert report["chains"][0]["head"] == str(records(directory)[-1].receipt)
    assert report["chains"][0]["problem"] is None


async def test_verify_locates_the_first_invalid_record(run: Run, directory: Path) -> None:
    path = segment_path(directory / "worker-0", 1)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(path.read_bytes().replace(b'"uid":"r2"', b'"uid":"rx"'))
    number = next(number for number, line in enumerate(lines) if b'"uid":"r2"' in line)
    code, output, _ = await run("verify", directory)
    assert code == 1
    place = f"worker-0/{path.name}: byte {sum(map(len, lines[:number]))}: record {number + 1}"
    assert f"BAD: {place}: the content does not match the hash" in output
    assert output.endswith("NOT VERIFIED\n")
    code, output, _ = await run("verify", directory, "--json")
    assert (code, json.loads(output)["chains"][0]["problem"]["sequence"]) == (1, number + 1)


async def test_verify_escapes_control_characters(run: Run, directory: Path) -> None:
    """An attacker who can write to the directory can append records until the next checkpoint."""
    folder = directory / "worker-0"
    last = records(directory)[-1]
    line, _ = encode(last.chain, last.sequence + 1, last.hash, "interruption", b'{"reason":"\\u001b[2J","refused":1}')
    with segment_path(folder, segment_starts(folder)[-1]).open("ab") as newest:
        newest.write(line)
    code, output, _ = await run("verify", directory)
    assert code == 0
    assert "\\u001b[2J, 1 records rejected" in output
    assert output.replace("\n", "").isprintable()


async def test_verify_expects_receipts(run: Run, directory: Path) -> None:
    receipt = records(directory)[-1].receipt
    assert (await run("verify", directory, "--expect", receipt))[0] == 0
    code, output, _ = await run("verify", directory, "--expect", receipt._replace(sequence=receipt.sequence + 1))
    assert code == 1
    assert "rolled back" in output
    code, output, _ = await run("verify", directory, "--expect", receipt._replace(chain="gw-other"))
    assert code == 1
    assert "MISSING: gw-other" in output


async def test_verify_without_journal_or_key_fails(run: Run, tmp_path: Path, directory: Path) -> None:
    code, _, errors = await run("verify", tmp_path / "none")
    assert (code, "none" in errors) == (1, True)
    code, _, errors = await run("verify", directory, "--public-key", tmp_path / "none.pem")
    assert (code, "no such public key file" in errors) == (1, True)
    with pytest.raises(SystemExit) as ended:
        main(["audit", "verify", str(directory), "--expect", "x"])
    assert ended.value.code == 2


async def test_tail_prints_the_newest_calls(run: Run, directory: Path) -> None:
    code, output, _ = await run("tail", directory, "-n", "3")
    assert code == 0
    assert [line.split("  ")[-1] for line in output.splitlines()] == ["r12", "r13", "r14"]
    assert (await run("tail", directory, "-n", "0"))[1] == ""


async def test_tail_prints_journal_records_as_json(run: Run, directory: Path) -> None:
    _, output, _ = await run("tail", directory, "-n", "30", "--json")
    assert [json.loads(line)["kind"] for line in output.splitlines()] == ["event"] * 30
    assert (await run("tail", directory, "-n", "0"))[1] == ""


async def test_filters_select_calls_but_no_journal_records(run: Run, directory: Path) -> None:
    assert (await run("tail", directory, "--action", "Decrypt"))[:2] == (0, "")
    assert len((await run("tail", directory, "--action", "Encrypt", "-n", "2"))[1].splitlines()) == 2
    code, output, errors = await run("tail", directory, "--action", "Encrypt", "--json")
    assert (code, output) == (2, "")
    assert errors == "keyway: --json: cannot be combined with filters; use --format json\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("list", "--since", "x"), "--since: 'x' is not a valid time"),
        (("report", "x"), "unknown report 'x'; choose from keys"),
        (("export", "--pseudonymize", "x"), "--pseudonymize: 'x' is not one of callers, peers"),
        (("tail", "--until", "1d", "--since", "1h"), "--until: must be later than --since"),
        (("show", "a:b"), "a receipt has the form CHAIN:SEQUENCE:HASH"),
    ],
)
async def test_wrong_values_are_wrong_usage(run: Run, directory: Path, arguments: tuple[str, ...], error: str) -> None:
    command, *words = arguments
    code, output, errors = await run(command, directory, *words)
    assert (code, output) == (2, "")
    assert error in errors


@pytest.mark.parametrize("command", ["list", "report", "export", "tail"])
async def test_directory_without_a_journal_is_an_error(run: Run, tmp_path: Path, command: str) -> None:
    code, output, errors = await run(command, tmp_path / "none")
    assert (code, output) == (1, "")
    assert "none" in errors


async def test_tail_searches_a_limited_number_of_events(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "MAXIMUM_EVENTS", 10)
    code, output, errors = await run("tail", directory, "--action", "Encrypt")
    assert (code, len(output.splitlines())) == (0, 5)
    assert "events were searched; use audit list for older calls" in errors
    assert (await run("tail", directory, "-n", "5"))[2] == ""


async def test_tail_prints_new_calls(directory: Path, tmp_path: Path) -> None:
    async with Process(tmp_path, "audit", "tail", directory, "-n", "1", "--follow") as process:
        await eventually(lambda: printed(process, 1))
        async with journal_in(directory, segment_bytes=4096) as journal:
            for number in range(20):
                await record_call(journal, f"s{number}")
            await eventually(lambda: printed(process, 21))
        await process.stopped(signal.SIGINT)
    assert process.lines[-1].endswith("s19")


async def printed(process: Process, lines: int) -> bool:
    return len(process.lines) >= lines


async def test_show_prints_the_records_of_a_request(run: Run, directory: Path) -> None:
    code, output, _ = await run("show", directory, "r7")
    assert code == 0
    assert output.count("api.request.uid: r7\n") == 2
    assert "metadata.event_code: intent\n" in output
    assert "metadata.event_code: outcome\n" in output
    assert all(str(record.receipt) in output for record in records(directory, "event")[14:16])
    code, output, _ = await run("show", directory, "r7", "--json")
    assert output.encode() == b"".join(record.line for record in records(directory, "event")[14:16])


async def test_show_finds_a_call_by_its_receipts(run: Run, directory: Path) -> None:
    intent, outcome = records(directory, "event")[14:16]
    assert (await run("show", directory, intent.receipt))[1] == (await run("show", directory, "r7"))[1]
    assert (await run("show", directory, outcome.receipt))[1] == (await run("show", directory, "r7"))[1]
    code, output, errors = await run("show", directory, intent.receipt._replace(hash="0" * 64))
    assert (code, output, "no record with receipt" in errors) == (1, "", True)


async def test_show_fails_for_an_unknown_request(run: Run, directory: Path) -> None:
    code, output, errors = await run("show", directory, "r")
    assert (code, output, "no records for request r" in errors) == (1, "", True)


async def test_show_reports_a_damaged_journal(run: Run, directory: Path) -> None:
    with segment_path(directory / "worker-0", 1).open("r+b") as file:
        file.write(b"x")
    code, _, errors = await run("show", directory, "r7")
    assert (code, "run `audit verify` to locate it" in errors) == (1, True)
