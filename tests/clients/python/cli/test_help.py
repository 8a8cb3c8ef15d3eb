"""Help, and what completes the line."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from keyway.cli.app import root
from tests.clients.python.cli.commands import Commands


def every(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, below in getattr(command, "commands", {}).items():
        yield from every(below, (*words, name))


def helped(words: tuple[str, ...]) -> str:
    context = root.make_context("keyway", [], resilient_parsing=True, terminal_width=80)
    for word in words:
        assert isinstance(context.command, click.Group)
        context = click.Context(context.command.commands[word], parent=context, info_name=word)
    return context.command.get_help(context)


@pytest.mark.parametrize("words", list(every(root)), ids=lambda words: " ".join(words) or "keyway")
def test_help_fits_and_ends_in_examples(words: tuple[str, ...]) -> None:
    text = helped(words)
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in text.replace("[ARGS]...", "").replace("[PROVIDER]...", "")
    if "Commands:" in text and words:
        return
    assert "\nExamples:\n" in text
    if words:
        assert f"keyway {' '.join(words)}" in text.split("Examples:")[1]


def test_examples_are_commands() -> None:
    """Each line of an example parses: its command is there, and so are its options."""
    for words in every(root):
        _, _, examples = helped(words).partition("\nExamples:\n")
        for line in examples.partition("\n\n")[0].splitlines():
            _, found, rest = line.partition("keyway ")
            for stop in ("   ", ")", "|", ">", "<", " && ", "  #"):
                rest = rest.partition(stop)[0]
            assert found
            command: click.Command = root
            arguments = shlex.split(rest)
            while isinstance(command, click.Group):
                command = command.commands[arguments.pop(0)]
            command.make_context("keyway", arguments, resilient_parsing=False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(commands: Commands, shell: str) -> None:
    assert "_KEYWAY_COMPLETE" in commands("completion", shell).text
    # Bash and zsh tell which word it is, fish the word.
    at = "d" if shell == "fish" else "2"
    told = commands(COMP_WORDS="keyway certs d", COMP_CWORD=at, _KEYWAY_COMPLETE=f"{shell}_complete")
    assert {"delete", "download"} <= set(re.split(r"[,\s]", told.text))
