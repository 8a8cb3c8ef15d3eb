"""`keyway audit` on terminals, in pipes, and following new calls, against a running gateway."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from gateway.cli.program import main
from gateway.journal.write.entries import EventEntry
from keyway.terminal.text import width
from keyway.v1 import key_service_pb2 as keys
from tests.clients.python.cli.commands import KEYWAY, Commands, forking
from tests.support.journals import journal_in, outcome
from tests.support.stack import Gateway, Stack
from tests.support.waiting import eventually

NONE: Mapping[str, str] = {}
NAME = "providers/nhn-keys/keys/한국어-이름-日本語の名前-=1+1"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A gateway that has recorded calls, its journal, and the command line for it."""

    gateway: Gateway
    directory: Path
    commands: Commands

    async def call(self) -> None:
        """Make a call that fails: no key has this name."""
        with pytest.raises(grpc.aio.AioRpcError):
            await self.gateway.keys.Encrypt(keys.EncryptRequest(name=NAME, plaintext=b"x"))

    async def listed(self, count: int) -> bool:
        ran = await asyncio.to_thread(self.commands, "audit", "list", "--action", "Encrypt", "--json")
        return len(ran.lines) >= count


@pytest.fixture(scope="module")
async def recorded(running_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Recorded]:
    await running_stack.reset()
    folder = tmp_path_factory.mktemp("terminal")
    settings = running_stack.settings(audit={"directory": folder / "audit", "query": {}})
    with forking() as server:
        async with Gateway(settings) as gateway:
            commands = Commands(server, folder, {"KEYWAY_ADDRESS": gateway.address})
            made = Recorded(gateway, folder / "audit", commands)
            for _ in range(3):
                await made.call()
            await eventually(lambda: made.listed(3))
            yield made


async def screen(
    recorded: Recorded, *words: object, columns: int = 100, variables: Mapping[str, str] = NONE
) -> tuple[int, str]:
    """Return the exit code and the output of a command on a terminal."""

    def run() -> tuple[int, str]:
        with recorded.commands.on_terminal("audit", *words, columns=columns, **variables) as terminal:
            return terminal.ended(), terminal.screen

    return await asyncio.to_thread(run)


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
async def test_table_fits_the_terminal(recorded: Recorded, columns: int) -> None:
    code, text = await screen(
        recorded, "list", "--action", "Encrypt", "--no-pager", columns=columns, variables={"NO_COLOR": "1"}
    )
    assert code == 0
    assert max(map(width, text.splitlines())) <= columns
    assert text.splitlines()[-1] == "3 rows"
    assert ("Request ID" in text) == (columns >= 100)
    assert ("Policy" in text) == (columns >= 140)
    assert text.count("日") == 3


async def test_header_is_bold_unless_colors_are_off(recorded: Recorded) -> None:
    assert "\x1b[1mTime" in (await screen(recorded, "list", "--no-pager"))[1]
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in (await screen(recorded, "list", "--no-pager", variables=variables))[1]


async def test_pager_is_used_on_terminals_only(recorded: Recorded) -> None:
    numbered = {"PAGER": "sed s/^/PAGED:/"}
    code, text = await screen(recorded, "list", "--action", "Encrypt", variables=numbered)
    assert (code, {line.startswith("PAGED:") for line in text.splitlines()}) == (0, {True})
    assert "PAGED:" not in (await screen(recorded, "list", "--no-pager", variables=numbered))[1]
    piped = await asyncio.to_thread(recorded.commands, "audit", "list", PAGER=numbered["PAGER"])
    assert b"PAGED:" not in piped.output


async def test_closing_the_pager_early_is_not_an_error(recorded: Recorded) -> None:
    assert await screen(recorded, "list", variables={"PAGER": "true"}) == (0, "")
    for unusable in ('less "', "no-such-pager"):
        code, text = await screen(recorded, "list", variables={"PAGER": unusable})
        assert (code, "Encrypt" in text) == (0, True)


@pytest.mark.parametrize("program", ["keyway", "keyway-gateway"])
async def test_closed_pipe_ends_quietly(recorded: Recorded, program: str) -> None:
    command = (
        [*KEYWAY, "audit", "list"]
        if program == "keyway"
        else [*KEYWAY[:2], "gateway", "audit", "list", str(recorded.directory)]
    )
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=writer, stderr=subprocess.PIPE, env={**recorded.commands.variables}
    )
    os.close(writer)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (141, b"")


async def test_piped_table_is_complete(recorded: Recorded) -> None:
    ran = await asyncio.to_thread(recorded.commands, "audit", "list", "--action", "Encrypt")
    assert ran.code == 0
    assert {width(line.partition("providers")[0]) for line in ran.lines[1:]} == {
        width(ran.lines[0].partition("Resource")[0])
    }
    assert all(NAME in line for line in ran.lines[1:])


async def test_status_shows_chains_and_index(recorded: Recorded) -> None:
    ran = await asyncio.to_thread(recorded.commands, "audit", "status")
    assert ran.code == 0
    fields = dict(line.split(maxsplit=1) for line in ran.lines[: ran.lines.index("")])
    assert fields.keys() >= {"Journal", "Size", "Shipping", "Index", "Indexed"}
    assert fields["Shipping"] == "off"
    folder, *_, head = ran.lines[-1].split()
    assert folder == "worker-0"
    assert (await asyncio.to_thread(main, ["audit", "verify", str(recorded.directory), "--expect", head])) == 0
    assert (await asyncio.to_thread(recorded.commands, "audit", "status", "--json")).objects()[0]["chains"]


async def test_follow_prints_each_new_call_once(recorded: Recorded) -> None:
    words = ("audit", "tail", "-n", "1", "--follow", "--action", "Encrypt")
    terminal = recorded.commands.on_terminal(*words, columns=300)
    with terminal:
        await asyncio.to_thread(terminal.until, "\n")
        for _ in range(2):
            await recorded.call()
            await asyncio.to_thread(terminal.until, "KEY_NOT_FOUND")
        terminal.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(terminal.ended) == 130
    assert terminal.screen.count("  Encrypt  ") == 3


async def test_options_of_older_versions_still_work(recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    async def run(*words: object) -> str:
        assert await asyncio.to_thread(main, ["audit", *map(str, words)]) == 0
        return capsys.readouterr().out

    assert len((await run("tail", recorded.directory, "-n", "2", "--json")).splitlines()) == 2
    line = (await run("tail", recorded.directory, "-n", "1")).rstrip("\n")
    request_id = line.split("  ")[-1]
    assert request_id in await run("show", recorded.directory, request_id)
    assert request_id in await run("show", recorded.directory, request_id, "--json")
    assert (await run("verify", recorded.directory)).endswith("\nverified\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signal_removes_the_temporary_index(tmp_path: Path, number: signal.Signals) -> None:
    journal, temporary = tmp_path / "journal", tmp_path / "temporary"
    temporary.mkdir()
    async with journal_in(journal) as written:
        for index in range(1000):  # more rows than a pipe holds
            written.append(EventEntry(outcome(f"r-{index}").make()))
    process = await asyncio.create_subprocess_exec(
        *[*KEYWAY[:2], "gateway", "audit", "list", str(journal), "--limit", "1000", "--format", "json"],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    await process.stdout.read(1)  # the index exists, and the process writes rows, which nobody reads
    assert list(temporary.iterdir())
    process.send_signal(number)
    await process.communicate()
    assert process.returncode == 128 + number
    assert not list(temporary.iterdir())
