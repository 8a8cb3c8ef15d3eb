"""The one error of the readers in this package, and JSON bodies read field by field.

Readers raise `FormatError`; the adapter that called decides whether an upstream's answer or a caller's file is at
fault.
"""

import json
import re
from typing import Any, Final

import orjson

MAXIMUM_ITEMS: Final = 10_000
"""Of a list in JSON: each of them becomes a message, and no list of an upstream is nearly as long."""

_SURROGATE = re.compile("[\ud800-\udfff]")

_Json = object
"""Any value of JSON; an alias, since `object` is a method within the class below."""


class FormatError(ValueError):
    """Data is not in the format that it should have. The message says what is wrong and quotes none of it."""


def _parse_tolerantly(body: bytes) -> Any:
    """What orjson is too strict for: a byte-order mark, and half of a surrogate pair in a text that nobody may read."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise FormatError("the body is not JSON") from None


class JsonObject:
    """A JSON object whose fields are read with the type that they must have.

    Every getter raises FormatError, naming the field, where it is missing or of another type.
    """

    def __init__(self, data: dict[str, _Json], place: str = "") -> None:
        self._data = data
        self._place = place

    @classmethod
    def parse(cls, body: bytes) -> "JsonObject":
        """The object in a UTF-8 body (a byte-order mark is tolerated)."""
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            data = _parse_tolerantly(body)
        if not isinstance(data, dict):
            raise FormatError("the body is not a JSON object")
        return cls(data)

    def __contains__(self, name: str) -> bool:
        return self._data.get(name) is not None

    def names(self) -> list[str]:
        """The names of all fields, those with null included."""
        return list(self._data)

    def get(self, name: str) -> _Json:
        """The field's plain value; None where it is missing or null."""
        return self._data.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A string; half of a surrogate pair, which JSON can escape and UTF-8 can't hold, is not text."""
        value = self._value(name, default)
        if not isinstance(value, str) or _SURROGATE.search(value):
            raise self._wrong(name, "text")
        return value

    def boolean(self, name: str) -> bool:
        """true or false; their names as text are tolerated."""
        value = self._value(name, None)
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        if not isinstance(value, bool):
            raise self._wrong(name, "a boolean")
        return value

    def integer(self, name: str) -> int:
        """A whole number; decimal text is tolerated."""
        value = self._value(name, None)
        if isinstance(value, str) and value.strip().removeprefix("-").isdecimal() and len(value) <= 20:
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, "a whole number")
        return value

    def object(self, name: str) -> "JsonObject":
        """An object within."""
        value = self._value(name, None)
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return JsonObject(value, f"{self._place}{name}.")

    def objects(self, name: str) -> list["JsonObject"]:
        """A list of objects."""
        items = self._list(name)
        if not all(isinstance(item, dict) for item in items):
            raise self._wrong(name, "a list of objects")
        return [
            JsonObject(item, f"{self._place}{name}[{index}].")
            for index, item in enumerate(items)
            if isinstance(item, dict)
        ]

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        items = self._list(name)
        if not all(isinstance(item, str) and not _SURROGATE.search(item) for item in items):
            raise self._wrong(name, "a list of text")
        return [item for item in items if isinstance(item, str)]

    def _list(self, name: str) -> list[_Json]:
        value = self._value(name, None)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        if len(value) > MAXIMUM_ITEMS:
            raise self._wrong(name, f"a list of at most {MAXIMUM_ITEMS} items")
        return value

    def _value(self, name: str, default: _Json | None) -> _Json:
        value = self._data.get(name)
        value = default if value is None else value
        if value is None:
            raise FormatError(f"{self._place}{name} is missing")
        return value

    def _wrong(self, name: str, wanted: str) -> FormatError:
        return FormatError(f"{self._place}{name} is not {wanted}")
