"""The start and the end of the program: loaded modules, Ctrl-C, and closed pipes."""

import shlex
import signal
import subprocess
import sys
import time

import pytest

from tests.clients.python.cli.commands import KEYWAY, Commands

pytestmark = pytest.mark.xdist_group("sandbox")
# Prints the loaded modules of these packages when the command has ended.
_LOADED = """
import sys, atexit
atexit.register(lambda: print(*sorted({"grpc", "google", "rich", "cryptography", "asyncio"} & {*sys.modules})))
from keyway_cli import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [(("--version",), []), (("context", "list", "--help"), []), (("--help",), ["asyncio", "google", "rich"])],
)
def test_modules_are_loaded_on_use(commands: Commands, arguments: tuple[str, ...], loaded: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments], env=commands.variables, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1].split() == loaded


def test_early_interrupt_prints_no_traceback(commands: Commands) -> None:
    """Interrupts while Python itself starts are left out: they print a traceback of Python."""
    ended = set()
    for step in range(10):
        command = [sys.executable, "-c", "print(flush=True); from keyway_cli import main; main()", "certs", "list"]
        with subprocess.Popen(
            command, env=commands.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            time.sleep(0.01 + step * 0.04)  # the moment of the interrupt is what this test varies
            process.send_signal(signal.SIGINT)
            errors = process.stderr.read().decode()
        assert errors.strip() in ("", "keyway: interrupted")
        ended.add(process.returncode)
    assert ended <= {0, 130, -signal.SIGINT}
    assert -signal.SIGINT in ended


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("--help", 141),
        ("certs list", 141),
        ("certs list --json", 141),
        ("certs show nhn-certs/www.example.com", 141),
        ("doctor", 141),
        ("certs show nhn-certs/missing 2>&1", 15),
        ("certs 2>&1", 2),
    ],
)
def test_closed_pipe_ends_the_command(commands: Commands, arguments: str, code: int) -> None:
    # The command writes after the reader has ended.
    script = f"{{ {shlex.join(KEYWAY)} {arguments}; echo $? >&3; }} 3>&2 | true"
    ran = subprocess.run(["bash", "-c", script], env=commands.variables, capture_output=True, check=True)
    assert ran.stderr.decode() == f"{code}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keys", "public-key", "nhn-keys/demo-rsa", "-o", "none/x"), "keyway: none: No such file or directory"),
        (("keys", "public-key", "nhn-keys/demo-rsa", "-o", "/dev/full"), "keyway: /dev/full: No space left on device"),
        (("audit", "export", "-o", "none/x"), "keyway: none: No such file or directory"),
        (("keys", "encrypt", "nhn-keys/orders-key", "note.txt"), "keyway: note.txt does not exist."),
        (("keys", "encrypt", "nhn-keys/orders-key", "hunter2"), "keyway: the file does not exist."),
        (("certs", "list", "--config", "/dev/stdin"), "keyway: /dev/stdin: not a text file in UTF-8"),
    ],
)
def test_error_names_the_file(commands: Commands, arguments: tuple[str, ...], said: str) -> None:
    ran = commands(*arguments, data=b"\xff\xfe")
    assert ran.code == 2
    assert ran.errors.startswith(said), ran.errors
    assert "hunter2" not in ran.errors


def test_full_disk_behind_standard_output_is_named(commands: Commands) -> None:
    script = f"{shlex.join(KEYWAY)} certs list >/dev/full"
    ran = subprocess.run(["bash", "-c", script], env=commands.variables, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (2, b"keyway: standard output: No space left on device\n")
