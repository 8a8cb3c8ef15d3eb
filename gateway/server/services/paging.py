"""Page tokens: opaque to callers, bound to the list that they continue.

A token carries where to go on, and a digest of what was listed: a token of another list, another filter or another
version of the gateway's format is refused. It holds nothing secret and grants nothing.
"""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

from gateway.errors import INVALID_PAGE_TOKEN, InvalidRequest, Violation

DEFAULT_PAGE_SIZE: Final = 50
_FORMAT: Final = "1"
_DIGEST_BYTES: Final = 12
_MAXIMUM_TOKEN_CHARACTERS: Final = 8192
_MAXIMUM_ROWS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next page starts: a row of a provider. rows_before: how many rows the providers before it have."""

    provider: str
    offset: int
    rows_before: int


def encode(position: Position, listing: str) -> str:
    """The token that continues `listing`, a text that names what is listed and how it is filtered."""
    body = json.dumps(asdict(position), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(body, listing) + body).decode().rstrip("=")


def decode(token: str, listing: str) -> Position | None:
    """The position in a token; None for the empty one. Refused: what is not, to the letter, a token of this listing."""
    if not token:
        return None
    position = _read(token) if len(token) <= _MAXIMUM_TOKEN_CHARACTERS else None
    if position is None or encode(position, listing) != token:
        raise InvalidRequest(
            [Violation("page_token", "is not a token of this list with this filter")], outcome=INVALID_PAGE_TOKEN
        )
    return position


def _read(token: str) -> Position | None:
    """What a text says if it is a token; whose token it is, is not looked at."""
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        fields = json.loads(data[_DIGEST_BYTES:].decode())
        position = Position(str(fields["provider"]), int(fields["offset"]), int(fields["rows_before"]))
        position.provider.encode()
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None
    return position if 0 <= position.offset <= _MAXIMUM_ROWS and 0 <= position.rows_before <= _MAXIMUM_ROWS else None


def _digest(body: bytes, listing: str) -> bytes:
    return hashlib.sha256(b"\0".join((_FORMAT.encode(), listing.encode(), body))).digest()[:_DIGEST_BYTES]
