"""The command `keyway help COMMAND`, which prints the help of a command."""

from typing import Any

import click
from click.shell_completion import CompletionItem

from keyway.cli.commands import Command
from keyway.cli.session import Session


class _CommandWord(click.ParamType[str]):
    """A word of a command name, which a shell can complete."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the commands below the words before the incomplete one."""
        command: click.Command | None = ctx.find_root().command
        for word in ctx.params.get(str(param.name)) or ():
            command = command.commands.get(word) if isinstance(command, click.Group) else None
        if not isinstance(command, click.Group):
            return []
        return [CompletionItem(word) for word in command.commands if word.startswith(incomplete)]


@click.command(
    "help",
    cls=Command,
    examples="""
        keyway help
        keyway help certs list
    """,
    notes="""
        On a terminal, a long page opens in the pager. The man pages contain the same
        text: man keyway, man keyway-certs.
    """,
)
@click.argument("words", nargs=-1, metavar="[COMMAND]", type=_CommandWord())
@click.option("--no-pager", is_flag=True, help="Do not use a pager on a terminal.")
@click.pass_context
def help_(ctx: click.Context, words: tuple[str, ...], *, no_pager: bool) -> None:
    """Print the help of a command."""
    root = ctx.find_root()
    found = click.Context(root.command, info_name=root.info_name, **_layout(root))
    for number, word in enumerate(words):
        group = found.command
        if not isinstance(group, click.Group) or word not in group.commands:
            command = " ".join(words[: number + 1])
            raise click.UsageError(f"unknown command: {command}; to list the commands: keyway help", ctx)
        found = click.Context(group.commands[word], parent=found, info_name=word)
    session = ctx.ensure_object(Session)
    with session.output.screen.paged(pager=not no_pager) as write:
        write(f"{found.get_help()}\n")


def _layout(root: click.Context) -> dict[str, Any]:
    """Return the layout settings, which the contexts of subcommands inherit."""
    return {"max_content_width": root.max_content_width, "help_option_names": root.help_option_names}
