"""The command `keyway completion SHELL`, which prints the completion script of click."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from keyway.cli.commands import Group

VARIABLE: Final = "_KEYWAY_COMPLETE"
_SHELLS: Final = ("bash", "zsh", "fish")


@click.command(
    cls=Group.command_class,
    examples="""
        eval "$(keyway completion bash)"           # in ~/.bashrc
        eval "$(keyway completion zsh)"            # in ~/.zshrc
        keyway completion fish > ~/.config/fish/completions/keyway.fish
    """,
    notes="For fish, run this first: mkdir -p ~/.config/fish/completions",
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    made = get_completion_class(shell)
    assert made is not None  # click supports all these shells
    root = ctx.find_root()
    click.echo(_quoted(made(root.command, {}, "keyway", VARIABLE).source()))


def _quoted(source: str) -> str:
    """Return the script with quoted names, which Bash does not expand, and without a space after `nhn-keys/`."""
    return source.replace(
        "COMPREPLY+=($value)",
        """COMPREPLY+=("$value")
            if [[ $value == */ ]]; then compopt -o nospace; fi""",
    )
