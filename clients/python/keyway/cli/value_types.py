"""Types of arguments and options whose values a shell can complete. They accept any text.

`candidates` returns the values. It is loaded only for completion.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import click
from click.shell_completion import CompletionItem


class _Completed(click.ParamType[str]):
    """A text with completion. find: returns the candidates for a context and the incomplete word."""

    name = "text"

    def __init__(self, find: Callable[[click.Context, str], Iterable[str]]) -> None:
        self._find = find

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Return the value."""
        return str(value)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the candidates that begin with the incomplete word."""
        return [CompletionItem(each) for each in self._find(ctx, incomplete) if each.startswith(incomplete)]


def _resources(kind: str) -> _Completed:
    def find(ctx: click.Context, incomplete: str) -> Iterable[str]:
        from keyway.cli import candidates  # noqa: PLC0415

        return candidates.found(kind, ctx, incomplete)

    return _Completed(find)


PROVIDER: Final = _resources("provider")
CERTIFICATE: Final = _resources("certificate")
KEY: Final = _resources("key")
SECRET: Final = _resources("secret")
STORE: Final = _resources("store")
AUTHORITY: Final = _resources("authority")
CONTEXT: Final = _resources("context")


def one_of(values: Iterable[str]) -> click.ParamType[str]:
    """Return the type of a text that can be completed to one of the values."""
    known = sorted(values)
    return _Completed(lambda _, __: known)


def several_of(values: Iterable[str]) -> click.ParamType[str]:
    """Return the type of a comma-separated list of texts that can be completed to one of the values."""
    known = list(values)

    def find(__: click.Context, incomplete: str) -> Iterable[str]:
        before, comma, _ = incomplete.rpartition(",")
        return (f"{before}{comma}{each}" for each in known if each not in before.split(","))

    return _Completed(find)
