"""Shell completion: commands, names from the gateway, the cache, and the script for Bash."""

import json
import os
import shlex
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands

pytestmark = pytest.mark.xdist_group("sandbox")
SHOW = "keyway certs show "


def completed(commands: Commands, line: str, shell: str = "bash", **variables: Any) -> list[str]:
    """Return the candidates for the last word of a command line, which can be empty."""
    words = line.split(" ")
    # Bash and zsh pass the index of the word, fish passes the word.
    at = words[-1] if shell == "fish" else str(len(words) - 1)
    instruction: dict[str, Any] = {"COMP_WORDS": line, "COMP_CWORD": at, "_KEYWAY_COMPLETE": f"{shell}_complete"}
    ran = commands(**instruction, **variables)
    assert (ran.code, ran.errors) == (0, "")
    values = ran.lines[1::3] if shell == "zsh" else [each.partition(",")[2] for each in ran.lines]
    return [value.partition("\t")[0] for value in values if value]


def cache_file(commands: Commands) -> Path:
    (file,) = (commands.folder / "home" / ".cache" / "keyway").iterdir()
    return file


def store(file: Path, *names: str, age: float) -> None:
    entry = {"time": time.time() - age, "names": [f"providers/a/certificates/{name}" for name in names]}
    file.write_text(json.dumps({"certificate": entry}))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_and_names_are_completed(commands: Commands, shell: str) -> None:
    assert "_KEYWAY_COMPLETE" in commands("completion", shell).text
    assert {"delete", "download"} <= set(completed(commands, "keyway certs d", shell))
    found = completed(commands, f"{SHOW}nhn-certs/", shell)
    assert {"nhn-certs/www.example.com", "nhn-certs/인증서-예시"} <= set(found)
    assert all(name.startswith("nhn-certs/") for name in found)


@pytest.mark.parametrize(
    ("line", "some"),
    [
        (f"{SHOW}providers/nhn-certs/certificates/www", ["providers/nhn-certs/certificates/www.example.com"]),
        ("keyway certs list --provider a", ["asteria"]),
        ("keyway providers check asteria nhn-", ["nhn-certs", "nhn-keys"]),
        ("keyway keys encrypt ", ["nhn-keys/"]),
        ("keyway seal a.txt --key n", ["nhn-keys/"]),
        ("keyway secrets get ", ["nhn-keys/"]),
        ("keyway cas list ", ["asteria/server", "asteria/client"]),
        ("keyway audit list --action Download", ["DownloadCertificate", "DownloadCertificateWithPrivateKey"]),
        ("keyway audit list --status NOT", ["NOT_FOUND"]),
        ("keyway certs list --columns name,au", ["name,authority"]),
    ],
)
def test_values_are_completed(commands: Commands, line: str, some: list[str]) -> None:
    assert set(some) <= set(completed(commands, line))


def test_authorities_are_completed(commands: Commands, keyway_sandbox: Sandbox) -> None:
    keyway_sandbox.reset()
    listed = {row.split()[0] for row in commands("cas", "list", "asteria/client").lines[1:]}
    assert set(completed(commands, "keyway cas show asteria/client/")) == listed


def test_contexts_are_completed(commands: Commands) -> None:
    assert commands("context", "set", "production", "--timeout", "5").code == 0
    for line in ("keyway context use p", "keyway --context p", "keyway certs list --context p"):
        assert completed(commands, line) == ["production"]


def test_names_are_cached_for_a_minute(commands: Commands) -> None:
    current = completed(commands, SHOW)
    file = cache_file(commands)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    store(file, "cached", age=50)
    assert completed(commands, SHOW) == ["a/cached"]
    store(file, "cached", age=70)
    assert completed(commands, SHOW) == current


def test_cache_files_that_are_too_old_are_removed(commands: Commands) -> None:
    folder = commands.folder / "home" / ".cache" / "keyway"
    folder.mkdir(parents=True)
    for age in (3600, 90_000):
        file = folder / f"completion-{age}.json"
        file.write_text("{}")
        os.utime(file, (time.time() - age, time.time() - age))
    assert completed(commands, SHOW)
    names = {file.name for file in folder.iterdir()}
    assert (len(names), "completion-3600.json" in names, "completion-90000.json" in names) == (2, True, False)


def test_cached_names_are_used_while_the_gateway_does_not_respond(commands: Commands) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        commands.variables["KEYWAY_ADDRESS"] = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        assert completed(commands, SHOW) == []
        assert time.monotonic() - began < 10
        # A refused connection fails at once. The file is that of the same connection.
        silent.close()
        folder = commands.folder / "home" / ".cache" / "keyway"
        assert not folder.exists()
        made = subprocess.run(
            [sys.executable, "-c", _CACHE_FILE, commands.variables["KEYWAY_ADDRESS"]],
            env=commands.variables, capture_output=True, text=True, check=True,
        )  # fmt: skip
        folder.mkdir(parents=True)
        store(Path(made.stdout.strip()), "old", age=3600)
        assert completed(commands, SHOW) == ["a/old"]
        store(Path(made.stdout.strip()), "old", age=90_000)
        assert completed(commands, SHOW) == []


_CACHE_FILE = """
import sys
from keyway.cli.candidates import _cache_file
from keyway.cli.session import Session
session = Session()
session.given["address"] = sys.argv[1]
print(_cache_file(session.connection()))
"""


def test_cache_is_separate_for_each_caller(commands: Commands, keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    line = f"keyway --address {box.jwt} --ca {box.ca} certs show "
    assert completed(commands, line, KEYWAY_TOKEN=box.token)
    assert box.token not in cache_file(commands).read_text()
    assert completed(commands, line, KEYWAY_TOKEN=f"{box.token}x") == []


def test_names_that_a_shell_interprets_are_not_offered(commands: Commands) -> None:
    assert completed(commands, SHOW)
    store(cache_file(commands), "$(reboot)", "a b", "a;b", "`id`", "a\nb", "*", "인증서.example.com", age=0)
    assert completed(commands, SHOW) == ["a/인증서.example.com"]


def test_bash_completes_words(commands: Commands) -> None:
    program = commands.folder / "bin" / "keyway"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join((sys.executable, "-m", "keyway_cli"))} "$@"\n')
    program.chmod(0o755)
    script = f"""
        compopt() {{ echo "compopt $1 $2"; }}
        {commands("completion", "bash").text}
        COMP_WORDS=(keyway certs show nhn-certs/인) COMP_CWORD=3 COMPREPLY=()
        _keyway_completion keyway; printf '%s\\n' "${{COMPREPLY[@]}}"
        COMP_WORDS=(keyway keys encrypt n) COMP_CWORD=3 COMPREPLY=()
        _keyway_completion keyway; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    variables = {**commands.variables, "PATH": f"{program.parent}:{commands.variables['PATH']}"}
    ran = subprocess.run(["bash", "-c", script], env=variables, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["nhn-certs/인증서-예시", "compopt -o nospace", "nhn-keys/"]
