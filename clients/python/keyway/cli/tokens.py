"""Claims of a bearer token, read without verification. They are shown to its owner only; the token itself is not."""

import base64
import binascii
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any


def claims(token: str) -> Mapping[str, Any]:
    """Return the claims of a JSON Web Token; empty if it cannot be read."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        return {}
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        found = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def expiry(found: Mapping[str, Any]) -> dt.datetime | None:
    """Return the time of the claim `exp`; None if it is missing or not a time."""
    seconds = found.get("exp")
    if not isinstance(seconds, int | float):
        return None
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
