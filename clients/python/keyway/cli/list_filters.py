"""The option --filter of lists: conditions on columns, such as `provider=nhn-*` or `left<30`."""

import datetime as dt
import difflib
import fnmatch
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from keyway.cli.listing import ListColumn

HELP: Final = (
    "Only rows that match: TEXT in any column, NAME=PATTERN with * and ?, NAME!=PATTERN, NAME~TEXT, or NAME<VALUE, "
    "also with <=, >, and >=. Repeatable; all must match."
)
_CONDITION: Final = re.compile(r"([a-z0-9-]+)\s*(!=|<=|>=|=|~|<|>)\s*(.*)", re.DOTALL)
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class ListFilter:
    """A condition. columns: one of them must meet it."""

    columns: Sequence["ListColumn"]
    sign: str
    text: str

    def matches(self, item: Any) -> bool:
        """Return whether an item meets the condition."""
        if self.sign in _COMPARISONS:
            return self._compares(self.columns[0], item)
        texts = (column.text(item).casefold() for column in self.columns)
        wanted = self.text.casefold()
        match self.sign:
            case "~":
                return any(wanted in text for text in texts)
            case _:
                return any(fnmatch.fnmatchcase(text, wanted) for text in texts) == (self.sign == "=")

    def _compares(self, column: "ListColumn", item: Any) -> bool:
        value = column.key(item)
        if value is None:
            return False
        return _COMPARISONS[self.sign](value, _like(value, self))


def parsed(columns: Mapping[str, "ListColumn"], text: str) -> ListFilter:
    """Return the condition of an option. columns: by name. Raises UsageError."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        return ListFilter(list(columns.values()), "~", text)
    return ListFilter([column(columns, found[1], "--filter")], found[2], found[3])


def column(columns: Mapping[str, "ListColumn"], name: str, option: str) -> "ListColumn":
    """Return the column with this name. Raises UsageError, which names the option."""
    if name in columns:
        return columns[name]
    close = difflib.get_close_matches(name, columns, 1)
    hint = f"did you mean {close[0]}?" if close else f"columns: {', '.join(columns)}"
    raise click.UsageError(f"{option}: unknown column {name!r}; {hint}")


def _like(value: object, criteria: ListFilter) -> Any:
    """Return the text of a comparison, converted to the type of a value. Raises UsageError."""
    try:
        match value:
            case dt.date():
                return dt.date.fromisoformat(criteria.text)
            case int():
                return int(criteria.text)
            case _:
                return criteria.text
    except ValueError:
        kind = "a date such as 2026-12-31" if isinstance(value, dt.date) else "a number"
        name = criteria.columns[0].name
        raise click.UsageError(f"--filter {name}{criteria.sign}{criteria.text}: the value must be {kind}") from None
