"""Typed reading of a JSON object of the seed data, field by field.

Errors name the position of the invalid field. `seed_format.py` defines the fields.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from gateway.emulators.base import SeedError
from gateway.emulators.secure_key_manager.state import KeyState

_Value = TypeVar("_Value")


class Fields:
    """One object at its position. Fields that were not read at the end are an error.

    app_key: the default for nested objects without their own.
    """

    def __init__(self, value: object, place: str, app_key: str) -> None:
        if not isinstance(value, Mapping):
            raise SeedError(f"{place}: must be an object")
        self._left: dict[str, object] = dict(value)
        self._place = place
        self.app_key = app_key

    def refuse(self, name: str, expected: str) -> SeedError:
        """Return an error about one field. expected: what the field must be, as the end of the message."""
        return SeedError(f"{self._place}.{name}: {expected}".removeprefix("."))

    def has(self, name: str) -> bool:
        """Return whether the field exists and was not read yet."""
        return name in self._left

    def raw(self, name: str, default: object = None) -> object:
        """Return the field, of any type."""
        return self._left.pop(name, default)

    def text(self, name: str, default: str | None = None, *, empty: bool = False) -> str:
        """Return a string, required without a default. empty: whether an empty string is allowed."""
        value = self.raw(name, default)
        if not isinstance(value, str) or not (value or empty):
            raise self.refuse(name, "must be a string" if empty else "must be a non-empty string")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.refuse(name, "must be valid Unicode text")
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        values = self.raw(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.refuse(name, "must be a list of strings")
        return values

    def state(self) -> KeyState:
        """Return the field `state`, active by default."""
        try:
            return KeyState(self.text("state", KeyState.ACTIVE.value))
        except ValueError as error:
            raise self.refuse("state", f"must be one of {', '.join(KeyState)}") from error

    def each(self, name: str, read: Callable[["Fields"], _Value], *, shorthand: str = "") -> Iterator[_Value]:
        """Yield the objects of a list, each read by `read`. A string means an object with the field `shorthand`."""
        values = self.raw(name, [])
        if not isinstance(values, list):
            raise self.refuse(name, "must be a list")
        for index, value in enumerate(values):
            whole = {shorthand: value} if shorthand and isinstance(value, str) else value
            fields = Fields(whole, f"{self._place}.{name}[{index}]".removeprefix("."), self.app_key)
            fields.app_key = fields.text("app_key", self.app_key)
            yield read(fields)
            fields.finish()

    def nested(self, name: str, value: object) -> "Fields":
        """This object with a single field of the given value, for another reader."""
        return Fields({name: value}, self._place, self.app_key)

    def finish(self) -> None:
        """Raise an error if fields were not read."""
        if self._left:
            raise self.refuse(min(self._left), "unknown field")
