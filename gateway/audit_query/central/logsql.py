"""LogsQL, the query language of VictoriaLogs: field names, literals, and conditions.

Each value is written as a quoted literal, so that no value can change the structure of a query.
"""

from collections.abc import Iterable
from typing import Final

from gateway.journal.ship import attributes

CHAIN: Final = attributes.CHAIN
SEQUENCE: Final = attributes.SEQUENCE
PREVIOUS: Final = attributes.PREVIOUS
KIND: Final = attributes.KIND
HASH: Final = attributes.HASH
JOURNAL: Final = attributes.JOURNAL
BODY: Final = "_msg"
TIME: Final = "_time"

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\"}
_FIRST_PRINTABLE: Final = " "
_DELETE: Final = "\x7f"


def quote(text: str) -> str:
    """Return a text as a quoted literal."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character < _FIRST_PRINTABLE or character == _DELETE:
        return f"\\x{ord(character):02x}"
    return _ESCAPES.get(character, character)


def equals(field: str, value: str) -> str:
    """Return the condition that the field has this value. An empty value means that the field is missing."""
    return f"{quote(field)}:={quote(value)}"


def is_one_of(field: str, values: Iterable[object]) -> str:
    """Return the condition that the field has one of these values."""
    return f"{quote(field)}:in({','.join(quote(str(value)) for value in values)})"


def contains(field: str, text: str) -> str:
    """Return the condition that the field contains this text."""
    return f"{quote(field)}:*{quote(text)}*"


def in_range(field: str, start: int, end: int) -> str:
    """Return the condition that the field is a number of at least `start` and less than `end`."""
    return f"{quote(field)}:range[{start},{end})"


def any_of(conditions: Iterable[str]) -> str:
    """Return the condition that at least one of the conditions is true."""
    return f"({' or '.join(conditions)})"


def names(*fields: str) -> str:
    """Return names of fields as a list."""
    return ",".join(map(quote, fields))
