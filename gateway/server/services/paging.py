"""Page tokens, which are opaque to callers and bound to one list.

A token contains the next position and a digest of the list. A token of a different list, filter, or token format is
rejected. Tokens contain no secrets and grant no permissions.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Generic, TypeVar

from gateway.errors import INVALID_PAGE_TOKEN, InvalidRequest, Violation

DEFAULT_PAGE_SIZE: Final = 50
_FORMAT: Final = "1"
_DIGEST_BYTES: Final = 12
_MAXIMUM_TOKEN_CHARACTERS: Final = 8192
_MAXIMUM_ROWS: Final = 2**31 - 1

PositionT = TypeVar("PositionT")


class PageTokens(Generic[PositionT]):
    """Page tokens for one kind of position.

    fields: returns a position as texts and numbers. read: makes a position of them; raises ValueError, TypeError, or
    LookupError if they are not valid.
    """

    def __init__(
        self, fields: Callable[[PositionT], Mapping[str, Any]], read: Callable[[Mapping[str, Any]], PositionT]
    ) -> None:
        self._fields = fields
        self._read_fields = read

    def encode(self, position: PositionT, listing: str) -> str:
        """Return the token for a position. listing: a text that identifies the list and its filter."""
        body = json.dumps(self._fields(position), ensure_ascii=False, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(_digest(body, listing) + body).decode().rstrip("=")

    def decode(self, token: str, listing: str) -> PositionT | None:
        """Return the position in a token; None for an empty token. Raises InvalidRequest if it is of another list."""
        if not token:
            return None
        position = self._read(token) if len(token) <= _MAXIMUM_TOKEN_CHARACTERS else None
        if position is None or self.encode(position, listing) != token:
            raise InvalidRequest(
                [Violation("page_token", "is invalid, or belongs to a list with another parent or filter")],
                kind=INVALID_PAGE_TOKEN,
            )
        return position

    def _read(self, token: str) -> PositionT | None:
        """Return the position in a token without checking the digest, or None if the token is malformed."""
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return self._read_fields(json.loads(data[_DIGEST_BYTES:].decode()))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class PagePosition:
    """The start of the next page: a row of a provider. rows_before: the number of rows of the earlier providers."""

    provider: str
    offset: int
    rows_before: int


def text(value: object) -> str:
    """Return a text from a token if it can be encoded again. Raises ValueError."""
    found = str(value)
    found.encode()
    return found


def number(value: Any, maximum: int) -> int:
    """Return a number from a token if it is from 0 to `maximum`. Raises ValueError or TypeError."""
    found = int(value)
    if not 0 <= found <= maximum:
        raise ValueError
    return found


def _read_rows(fields: Mapping[str, Any]) -> PagePosition:
    return PagePosition(
        text(fields["provider"]), number(fields["offset"], _MAXIMUM_ROWS), number(fields["rows_before"], _MAXIMUM_ROWS)
    )


def _digest(body: bytes, listing: str) -> bytes:
    return hashlib.sha256(b"\0".join((_FORMAT.encode(), listing.encode(), body))).digest()[:_DIGEST_BYTES]


ROWS: Final = PageTokens(asdict, _read_rows)
"""Page tokens for rows of providers."""
