"""`keyway seal` and `keyway open`."""

import asyncio
import contextlib
import os
import signal
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.clients.python.cli.commands import KEYWAY, Commands
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("sandbox")
DATA = os.urandom(200_000)


@pytest.fixture
def sealed(commands: Commands) -> Path:
    (commands.folder / "dump").write_bytes(DATA)
    assert commands("seal", "dump", "--key", "nhn-keys/orders-key", "--aad", "case 42").code == 0
    (commands.folder / "dump").unlink()
    return commands.folder / "dump.sealed"


def test_sealed_file_is_opened(commands: Commands, sealed: Path) -> None:
    assert DATA[:100] not in sealed.read_bytes()
    assert commands("open", "dump.sealed", "--aad", "case 42", "--key", "nhn-keys/orders-key").code == 0
    opened = commands.folder / "dump"
    assert (opened.read_bytes(), stat.S_IMODE(opened.stat().st_mode)) == (DATA, 0o600)
    assert commands("open", "dump.sealed", "--aad", "case 42").code == 2
    assert commands("open", "dump.sealed", "--aad", "case 42", "--force").code == 0


def test_pipes_are_sealed_and_opened(commands: Commands) -> None:
    envelope = commands("seal", "-", "--key", "nhn-keys/orders-key", data=DATA)
    assert (envelope.code, envelope.errors) == (0, "")
    assert commands("open", "-", data=envelope.output).output == DATA
    (commands.folder / "aad").write_bytes(b"")
    assert commands("open", "-", "--aad-file", "aad", data=envelope.output).code == 0
    assert commands("open", "-", data=envelope.output[:-1]).code == 3


@pytest.mark.parametrize("damage", ["cut", "changed", "aad", "key", "nothing"])
def test_unverified_envelope_leaves_no_file(commands: Commands, sealed: Path, damage: str) -> None:
    envelope, more = sealed.read_bytes(), ["--aad", "case 42"]
    match damage:
        case "cut":
            sealed.write_bytes(envelope[:150_000])
        case "changed":
            sealed.write_bytes(envelope[:-20] + bytes((envelope[-20] ^ 1,)) + envelope[-19:])
        case "aad":
            more = ["--aad", "case 43"]
        case "key":
            more += ["--key", "nhn-keys/demo-aes"]
        case _:
            sealed.write_bytes(b"no envelope")
    ran = commands("open", "dump.sealed", *more)
    assert ran.code == 3, ran.errors
    assert os.listdir(commands.folder) == ["dump.sealed"]


async def opened_for_writing(fifo: Path, reader: asyncio.subprocess.Process) -> BinaryIO:
    """Open a named pipe once the process has it open for reading; fail where the process ends before that."""
    descriptors = []

    async def opened() -> bool:
        assert reader.returncode is None, f"the process ended with {reader.returncode} before it opened the pipe"
        # A blocking open would wait forever for a process that has ended.
        with contextlib.suppress(OSError):
            descriptors.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return bool(descriptors)

    await eventually(opened)
    os.set_blocking(descriptors[0], True)
    return os.fdopen(descriptors[0], "wb")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_signal_removes_the_unfinished_file(commands: Commands, sent: signal.Signals, code: int) -> None:
    async def writing() -> bool:
        return any(path.stat().st_size for path in commands.folder.glob(".made.*"))

    fifo = commands.folder / "slow"
    os.mkfifo(fifo)
    command = [*KEYWAY, "seal", "slow", "--key", "nhn-keys/orders-key", "-o", "made"]
    process = await asyncio.create_subprocess_exec(*command, cwd=commands.folder, env=commands.variables)
    with await opened_for_writing(fifo, process) as writer:
        writer.write(DATA)
        writer.flush()
        await eventually(writing)
        process.send_signal(sent)
        assert await process.wait() == code
    assert os.listdir(commands.folder) == ["slow"]


def test_terminal_shows_a_progress_bar(commands: Commands) -> None:
    (commands.folder / "big").write_bytes(bytes(8 << 20))
    with commands.on_terminal("seal", "big", "--key", "nhn-keys/orders-key", columns=60) as terminal:
        assert terminal.ended() == 0
        assert "Sealing" in terminal.screen
        assert "8.4/8.4 MB" in terminal.screen
    with commands.on_terminal("open", "big.sealed", "-o", "back", "-q") as terminal:
        assert (terminal.ended(), terminal.screen) == (0, "")
    with commands.on_terminal("seal", "-", "--key", "nhn-keys/orders-key") as terminal:
        assert terminal.ended() == 2
        assert "standard input is a terminal" in terminal.screen
