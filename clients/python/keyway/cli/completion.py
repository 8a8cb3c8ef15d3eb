"""`keyway completion SHELL`: what a shell has to be told to complete commands and options. click makes it."""

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
    notes="For fish, before: mkdir -p ~/.config/fish/completions",
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete `keyway`."""
    made = get_completion_class(shell)
    assert made is not None  # one of click's own
    root = ctx.find_root()
    click.echo(made(root.command, {}, "keyway", VARIABLE).source())
