"""Generator of the manual pages of the command line: `python -m clients.man_pages FOLDER`.

The pages come from the commands of `keyway`, like its help. There is one page for `keyway`, and one for each command
below it, which describes the subcommands too. The wheel of the Python client installs them.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click

from keyway.cli.app import root
from keyway.cli.commands import sections

_NAME: Final = "keyway"
_FILES: Final = (
    ("~/.config/keyway/config.toml", "Contexts: named connections to gateways. keyway context changes the file."),
    ("~/.cache/keyway", "Names for shell completion. The files can be deleted at any time."),
)


def main() -> int:
    """Write the pages to the folder in the arguments."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / f"{name}.1").write_text(text, encoding="utf-8")
    return 0


def pages() -> dict[str, str]:
    """Return the pages by name."""
    top = root.make_context(_NAME, [], resilient_parsing=True)
    found = {_NAME: "\n".join(root_page(top)) + "\n"}
    for word, command in root.commands.items():
        found[f"{_NAME}-{word}"] = "\n".join(command_page(click.Context(command, parent=top, info_name=word))) + "\n"
    return found


def root_page(ctx: click.Context) -> Iterator[str]:
    """Yield the lines of the page of `keyway`."""
    yield from head(ctx, _NAME)
    yield from usage(ctx)
    yield ".SH DESCRIPTION"
    yield from paragraphs(ctx.command.help or "")
    yield ".SH COMMANDS"
    for word, command in root.commands.items():
        yield from entry(f"{_NAME}-{word}(1)", command.get_short_help_str(200))
    yield ".SH OPTIONS"
    yield from options(ctx)
    yield from below(ctx.command, ".SH")
    yield ".SH FILES"
    for path, text in _FILES:
        yield from entry(path, text)
    yield from see_also([f"{_NAME}-{word}" for word in root.commands])


def command_page(ctx: click.Context) -> Iterator[str]:
    """Yield the lines of the page of a command below `keyway`."""
    yield from head(ctx, f"{_NAME}-{ctx.info_name}")
    commands = list(leaves(ctx))
    for each in commands:
        yield from usage(each, heading=each is commands[0])
    yield ".SH DESCRIPTION"
    yield from paragraphs(ctx.command.help or "")
    if isinstance(ctx.command, click.Group):
        yield ".SH COMMANDS"
        for each in commands:
            yield f".SS {escaped(each.command_path)}"
            yield from paragraphs(each.command.help or "")
            yield from options(each)
            yield from below(each.command, "")
    else:
        yield ".SH OPTIONS"
        yield from options(ctx)
        yield from below(ctx.command, ".SH")
    yield from see_also([_NAME])


def leaves(ctx: click.Context) -> Iterator[click.Context]:
    """Yield the contexts of the subcommands, or that of the command itself if it has none."""
    if not isinstance(ctx.command, click.Group):
        yield ctx
        return
    for word, command in ctx.command.commands.items():
        yield click.Context(command, parent=ctx, info_name=word)


def head(ctx: click.Context, name: str) -> Iterator[str]:
    """Yield the title and the section NAME."""
    yield '.\\" Generated from the commands of keyway by make generate; do not edit.'
    yield f'.TH "{name.upper()}" 1 "" "keyway {version("keyway-client")}" "Keyway"'
    yield ".SH NAME"
    yield f"{escaped(name)} \\- {escaped(ctx.command.get_short_help_str(200).rstrip('.'))}"


def usage(ctx: click.Context, *, heading: bool = True) -> Iterator[str]:
    """Yield the synopsis of a command."""
    yield ".SH SYNOPSIS" if heading else ".br"
    yield f".B {escaped(ctx.command_path)}"
    yield escaped(" ".join(ctx.command.collect_usage_pieces(ctx)))


def options(ctx: click.Context) -> Iterator[str]:
    """Yield the visible options of a command."""
    for parameter in ctx.command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None and record[1]:
            yield from entry(*record)


def below(command: click.Command, heading: str) -> Iterator[str]:
    """Yield the examples and the notes. heading: the macro of their titles; empty for a paragraph in bold."""
    for title, text in sections(command):
        yield from (f"{heading} {title.upper()}",) if heading else (".PP", f".B {title}:")
        yield from (".PP", ".RS 4", ".nf", *map(escaped, text.splitlines()), ".fi", ".RE")


def entry(term: str, text: str) -> Iterator[str]:
    """Yield a term with its description."""
    yield from (".TP", f".B {escaped(term)}", escaped(" ".join(text.replace("`", "").split())))


def paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text."""
    for paragraph in text.replace("`", "").split("\n\n"):
        yield from (".PP", escaped(" ".join(paragraph.split())))


def see_also(names: list[str]) -> Iterator[str]:
    """Yield references to other pages."""
    yield ".SH SEE ALSO"
    yield ", ".join(f"{escaped(name)}(1)" for name in names)


def escaped(text: str) -> str:
    """Return text that roff prints as it is."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("^", "\\(ha").replace("~", "\\(ti")
    plain = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in plain)
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


if __name__ == "__main__":
    sys.exit(main())
