"""Help pages and shell completion."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from keyway.cli.app import root

ROOT = Path(__file__).parents[4]


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
    assert "..." not in text.replace("[ARGS]...", "").replace("[PROVIDER]...", "").replace("[CERTIFICATE]...", "")
    if "Commands:" in text and words:
        return
    assert "\nExamples:\n" in text
    if words:
        assert f"keyway {' '.join(words)}" in text.split("Examples:")[1]


def examples() -> Iterator[str]:
    for words in every(root):
        _, _, text = helped(words).partition("\nExamples:\n")
        yield from text.partition("\n\n")[0].splitlines()
    for page in ("docs/cli.md", "clients/python/README.md"):
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
            yield from (line for line in block.splitlines() if "keyway " in line and "pip" not in line)


@pytest.mark.parametrize("line", sorted({line.strip() for line in examples()}))
def test_examples_are_commands(line: str) -> None:
    """The command and its options exist. A comment follows after three spaces."""
    rest = line.partition("keyway ")[2]
    for stop in ("   ", ")", "|", " > ", " < ", " && ", "  #"):
        rest = rest.partition(stop)[0]
    command: click.Command = root
    arguments = shlex.split(rest)
    while isinstance(command, click.Group) and arguments[0] != "--help":
        command = command.commands[arguments.pop(0)]
    with contextlib.suppress(click.exceptions.Exit):
        command.make_context("keyway", arguments)
