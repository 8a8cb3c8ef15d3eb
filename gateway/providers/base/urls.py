"""Path segments of upstream URLs."""

from functools import lru_cache
from typing import Final
from urllib.parse import quote

from gateway.errors import InvalidRequest, Violation

MAXIMUM_SEGMENT_BYTES: Final = 6144
"""Maximum length of one percent-encoded segment. HTTP servers accept URLs of 8 KB or less."""


@lru_cache(maxsize=4096)
def path_segment(segment: str) -> str:
    """Return one segment of a request's `name`, percent-encoded. Raises InvalidRequest if it is too long for a URL."""
    encoded = quote(segment, safe="")
    if len(encoded) > MAXIMUM_SEGMENT_BYTES:
        description = (
            f"each segment must have at most {MAXIMUM_SEGMENT_BYTES} bytes after percent-encoding, but one has "
            f"{len(encoded)}"
        )
        raise InvalidRequest([Violation("name", description)])
    return encoded
