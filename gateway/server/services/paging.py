"""Page tokens, which are opaque to callers and bound to one list.

A token contains the next position and a digest of the list. A token of a different list, filter, or token format is
rejected. Tokens contain no secrets and grant no permissions.
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
class PagePosition:
    """The start of the next page: a row of a provider. rows_before: the number of rows of the earlier providers."""

    provider: str
    offset: int
    rows_before: int


def encode(position: PagePosition, listing: str) -> str:
    """Return the token for a position. listing: a text that identifies the list and its filter."""
    body = json.dumps(asdict(position), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(body, listing) + body).decode().rstrip("=")


def decode(token: str, listing: str) -> PagePosition | None:
    """Return the position in a token, or None for an empty token. Raises InvalidRequest for any other token."""
    if not token:
        return None
    position = _read(token) if len(token) <= _MAXIMUM_TOKEN_CHARACTERS else None
    if position is None or encode(position, listing) != token:
        raise InvalidRequest(
            [Violation("page_token", "is invalid, or belongs to a list with another parent or filter")],
            kind=INVALID_PAGE_TOKEN,
        )
    return position


def _read(token: str) -> PagePosition | None:
    """Return the position in a token without checking the digest, or None if the token is malformed."""
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        fields = json.loads(data[_DIGEST_BYTES:].decode())
        position = PagePosition(str(fields["provider"]), int(fields["offset"]), int(fields["rows_before"]))
        position.provider.encode()
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None
    return position if 0 <= position.offset <= _MAXIMUM_ROWS and 0 <= position.rows_before <= _MAXIMUM_ROWS else None


def _digest(body: bytes, listing: str) -> bytes:
    return hashlib.sha256(b"\0".join((_FORMAT.encode(), listing.encode(), body))).digest()[:_DIGEST_BYTES]
