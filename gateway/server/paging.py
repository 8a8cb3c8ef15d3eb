"""Page tokens: opaque to callers, bound to the list that they continue.

A token carries where to go on, and a digest of what was listed: a token of another list, another filter or another
version of the gateway's format is refused. It holds nothing secret and grants nothing.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

from gateway.errors import INVALID_PAGE_TOKEN, InvalidRequest, Violation

DEFAULT_PAGE_SIZE: Final = 50
_FORMAT: Final = "1"
_DIGEST_BYTES: Final = 12
_MAXIMUM_TOKEN_CHARACTERS: Final = 4096


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
    """The position in a token; None for the empty one. Refused: tokens of anything but this listing."""
    if not token:
        return None
    if len(token) <= _MAXIMUM_TOKEN_CHARACTERS and token.isascii():
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            data = b""
        digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if body and digest == _digest(body, listing):
            return Position(**json.loads(body))
    raise InvalidRequest(
        [Violation("page_token", "is not a token of this list with this filter")], outcome=INVALID_PAGE_TOKEN
    )


def _digest(body: bytes, listing: str) -> bytes:
    return hashlib.sha256(b"\0".join((_FORMAT.encode(), listing.encode(), body))).digest()[:_DIGEST_BYTES]
