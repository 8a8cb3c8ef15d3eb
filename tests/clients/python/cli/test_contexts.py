"""`keyway context list|use|set`: changes of the configuration file."""

import stat
import tomllib
from pathlib import Path

import pytest

from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands

pytestmark = pytest.mark.xdist_group("sandbox")
FILE = """\
# My gateways
context = "here"   # the default

[contexts.here]
address = "127.0.0.1:1"   # on this machine
timeout = 3

# Only for the night shift
[contexts."far away"]
address = "far.example.org:443"
ca = "ca.pem"
"""


def config_file(commands: Commands) -> Path:
    return commands.folder / "home" / ".config" / "keyway" / "config.toml"


def written(commands: Commands, text: str = FILE) -> Path:
    path = config_file(commands)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_contexts_are_created_selected_and_used(commands: Commands, keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    assert commands("context", "list").errors.startswith("No contexts in ")
    own = ("--certificate", box.certificate, "--private-key", box.private_key)
    assert commands("context", "set", "trusted", "--address", box.mtls, "--ca", box.ca, *own).code == 0
    assert commands("--address", box.plain, "--plaintext", "context", "set", "near by").code == 0
    path = config_file(commands)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    del commands.variables["KEYWAY_ADDRESS"]
    for name in ("trusted", "near by"):
        assert commands("context", "use", name).code == 0
        assert commands("providers", "list").code == 0
    assert [line.split() for line in commands("context", "list").lines] == [
        ["Default", "Context", "Address", "Credentials"],
        ["trusted", box.mtls, "client", "certificate"],
        ["*", "near", "by", box.plain],
    ]
    trusted, near = commands("context", "list", "--json").objects()
    assert (trusted["default"], trusted["ca"]) == (False, box.ca)
    assert near == {"name": "near by", "default": True, "address": box.plain, "tls": False}


def test_variables_are_not_stored(commands: Commands) -> None:
    assert commands("context", "set", "a", "--timeout", "2", KEYWAY_CA="other.pem").code == 0
    assert tomllib.loads(config_file(commands).read_text()) == {"contexts": {"a": {"timeout": 2.0}}}


def test_comments_and_other_contexts_are_kept(commands: Commands) -> None:
    path = written(commands)
    assert commands("context", "use", "far away").code == 0
    assert commands("context", "set", "here", "--address", "[::1]:2", "--plaintext", "--unset", "timeout").code == 0
    changed = FILE.replace('context = "here"', 'context = "far away"').replace("127.0.0.1:1", "[::1]:2")
    assert path.read_text() == changed.replace("timeout = 3\n", "tls = false\n")


def test_relative_file_is_stored_with_its_absolute_path(commands: Commands) -> None:
    (commands.folder / "ca.pem").write_text("")
    assert commands("context", "set", "a", "--ca", "ca.pem").code == 0
    assert tomllib.loads(config_file(commands).read_text())["contexts"]["a"]["ca"] == str(commands.folder / "ca.pem")


def test_symbolic_link_to_the_file_is_kept(commands: Commands) -> None:
    path = written(commands)
    target = path.rename(commands.folder / "shared.toml")
    path.symlink_to(target)
    assert commands("context", "use", "far away").code == 0
    assert path.is_symlink()
    assert 'context = "far away"' in target.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("use", "nowhere"), "unknown context 'nowhere'"),
        (("set", "a"), "pass the settings of the context"),
        (("set", "a", "--ca", "none.pem"), "none.pem: No such file or directory"),
        (("set", "a", "--unset", "port"), "'port' is not one of 'address'"),
        (("set", "a", "--address", "x:1", "--unset", "address"), "address: set or unset"),
        (("set", "a", "--token", "secret"), "use --token-file"),
        (("use", "a", "--config", "none.toml"), "none.toml: No such file or directory"),
    ],
)
def test_wrong_change_leaves_the_file_unchanged(commands: Commands, arguments: tuple[str, ...], said: str) -> None:
    path = written(commands)
    ran = commands("context", *arguments)
    assert (ran.code, said in ran.errors, path.read_text()) == (2, True, FILE), ran.errors


@pytest.mark.parametrize(
    "text", ["contexts = {a = {timeout = 1}}\n", "[contexts]\na.timeout = 1\n", '["contexts".a]\n"timeout" = 1\n']
)
def test_file_in_an_unusual_form_is_not_damaged(commands: Commands, text: str) -> None:
    path = written(commands, text)
    ran = commands("context", "set", "a", "--timeout", "2")
    assert (ran.code, path.read_text()) == (2, text)
    assert "the form of this file cannot be changed by keyway; edit the file" in ran.errors
    assert commands("context", "use", "a").code == 0
    assert tomllib.loads(path.read_text()) == {"context": "a", "contexts": {"a": {"timeout": 1}}}
