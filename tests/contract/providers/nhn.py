"""Response bodies that both NHN Cloud services share."""

from collections.abc import Mapping
from typing import Any, Final

ACCESS_KEY: Final = {"id": "demo-access-key", "secret": "demo-access-secret"}


def success(payload: Any) -> Mapping[str, Any]:
    """Return the body of a successful response."""
    return {"header": {"isSuccessful": True, "resultCode": 0, "resultMessage": "ok"}, "body": payload}


def failure(text: str) -> Mapping[str, Any]:
    """Return the body of a failed response."""
    return {"header": {"isSuccessful": False, "resultCode": 7, "resultMessage": text}}
