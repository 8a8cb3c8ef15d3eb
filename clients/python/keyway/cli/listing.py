"""Lists of resources as tables and as JSON: the options --columns, --sort, --filter, and --no-pager."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from keyway.cli import list_filters, value_types
from keyway.cli.commands import options
from keyway.cli.list_filters import ListFilter
from keyway.cli.session import Session
from keyway.terminal.table import TableColumn

_OPTIONS: Final = ("columns", "sort", "filters", "no_pager")


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column. name: the name in options. text: returns the cell text of an item.

    value: returns the value for --sort and for comparisons: a number, a date, or None if unknown; default: the text.
    extra: whether the column is hidden unless --columns names it.
    """

    name: str
    text: Callable[[Any], str]
    value: Callable[[Any], Any] | None = None
    title: str = ""
    extra: bool = False
    terminal: int = 0
    right: bool = False
    shortens: bool = False
    fixed: bool = False

    def display(self, *, chosen: bool) -> TableColumn:
        """Return the table column. chosen: whether --columns names it, so that a terminal of any width shows it."""
        title = self.title or self.name.replace("-", " ").capitalize()
        return TableColumn(title, 0 if chosen else self.terminal, self.right, self.shortens, self.fixed)

    def key(self, item: Any) -> Any:
        """Return the value for comparisons; None if it is unknown."""
        return self.text(item) if self.value is None else self.value(item)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of resources. one, several: the noun for an item, singular and plural.

    order: returns the sort key of an item; None keeps the order of the gateway.
    """

    one: str
    several: str
    columns: Sequence[ListColumn]
    order: Callable[[Any], Any] | None = None

    def options(self, function: Any) -> Any:
        """Decorate a command with the options of the list. `selection` takes their values."""
        names = ", ".join(column.name for column in self.columns)
        known = value_types.several_of(column.name for column in self.columns)
        several = (
            click.option("--columns", type=known, metavar="NAMES", help=f"Columns to show: {names}."),
            click.option(
                "--sort", type=known, metavar="NAMES", help="Sort by columns; -NAME sorts in descending order."
            ),
            click.option("--filter", "filters", metavar="FILTER", multiple=True, help=list_filters.HELP),
            click.option("--no-pager", is_flag=True, help="Do not use a pager on a terminal."),
        )
        return options(*several)(function)

    def selection(self, session: Session, arguments: dict[str, Any]) -> "Selection":
        """Remove the values of the options from the arguments of a command. Raises UsageError for invalid values."""
        values = {name: arguments.pop(name) for name in _OPTIONS}
        if session.json and values["columns"]:
            raise click.UsageError("--columns is for tables; --json prints all fields")
        session.output.pager = not values["no_pager"]
        by_name = {column.name: column for column in self.columns}
        columns = [list_filters.column(by_name, name, "--columns") for name in _split(values["columns"])]
        sort = [
            (list_filters.column(by_name, name.removeprefix("-"), "--sort"), name.startswith("-"))
            for name in _split(values["sort"])
        ]
        return Selection(self, columns, sort, [list_filters.parsed(by_name, text) for text in values["filters"]])


@dataclass(frozen=True, slots=True)
class Selection:
    """The items and the columns to show. sort: columns, and whether the order is descending."""

    listing: Listing
    columns: Sequence[ListColumn]
    sort: Sequence[tuple[ListColumn, bool]]
    filters: Sequence[ListFilter]

    def show(self, session: Session, items: Iterable[Any]) -> None:
        """Print the selected items."""
        found = list(items)
        chosen = self.chosen(found)
        if session.json:
            for item in chosen:
                session.output.json(item)
        elif chosen:
            self._table(session, chosen, len(found))
        else:
            match = f" match --filter ({len(found)} without it)" if found else ""
            session.output.note(f"No {self.listing.several}{match}.", "dim")

    def chosen(self, found: Iterable[Any]) -> list[Any]:
        """Return the items that match the filters, in order."""
        items = [item for item in found if all(each.matches(item) for each in self.filters)]
        if self.listing.order is not None:
            items.sort(key=self.listing.order)
        for column, descending in reversed(self.sort):
            known = [item for item in items if column.key(item) is not None]
            unknown = [item for item in items if column.key(item) is None]
            items = sorted(known, key=lambda item: _sortable(column.key(item)), reverse=descending) + unknown
        return items

    def _table(self, session: Session, items: Sequence[Any], total: int) -> None:
        columns = self.columns or [column for column in self.listing.columns if not column.extra]
        rows = [[column.text(item) for column in columns] for item in items]
        of = f" of {total:,}" if len(items) != total else ""
        what = self.listing.one if total == 1 else self.listing.several
        display = [column.display(chosen=bool(self.columns)) for column in columns]
        session.output.table(display, rows, f"{len(items):,}{of} {what}")


def _split(names: str | None) -> list[str]:
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def _sortable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
