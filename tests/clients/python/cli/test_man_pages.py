"""Manual pages, and the command `keyway help`."""

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from clients.man_pages import escaped, pages
from keyway.cli.app import root
from tests.clients.python.cli.commands import Commands

MAN = Path(__file__).parents[4] / "clients" / "python" / "man"


def test_pages_are_current() -> None:
    assert {path.stem: path.read_text(encoding="utf-8") for path in MAN.iterdir()} == pages()


def test_every_command_and_option_is_described() -> None:
    made = pages()
    for word, command in root.commands.items():
        page = made[f"keyway-{word}"]
        below = command.commands if isinstance(command, click.Group) else {}
        assert all(f".SS keyway {word} {escaped(name)}\n" in page for name in below)
        for each in below.values() or (command,):
            options = [option for option in each.params if isinstance(option, click.Option) and not option.hidden]
            assert all(escaped(option.opts[0]) in page for option in options)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_pages_are_correct_roff() -> None:
    files = [str(path) for path in sorted(MAN.iterdir())]
    ran = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", *files], capture_output=True, text=True, check=True)
    assert ran.stderr == ""


@pytest.mark.parametrize(("text", "roff"), [(".x", "\\&.x"), ("a-b\\c", "a\\-b\\ec"), ("'…", "\\&'\\[u2026]")])
def test_text_is_escaped(text: str, roff: str) -> None:
    assert escaped(text) == roff


@pytest.mark.xdist_group("sandbox")
def test_help_prints_the_help_of_a_command(commands: Commands) -> None:
    for words in ((), ("certs",), ("certs", "list"), ("seal",)):
        assert commands("help", *words).text == commands(*words, "--help").text
    wrong = commands("help", "certs", "lst")
    assert (wrong.code, wrong.output) == (2, b"")
    assert wrong.errors.startswith("keyway: unknown command: certs lst; to list the commands: keyway help\n")
