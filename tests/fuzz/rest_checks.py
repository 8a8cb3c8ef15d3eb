"""Checks of Schemathesis for responses of REST/JSON. Schemathesis loads this module in an environment of its own.

HTTP 500 is correct only if the contract documents the reason of the error for the method.
"""

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import schemathesis

_DOCUMENT: Final = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text(encoding="utf-8"))
_SERVICES: Final = {tag["name"]: tag["description"] for tag in _DOCUMENT["tags"]}
_REASON: Final = re.compile(r"`([A-Z_]+)`")
_CODES: Final = r"[A-Z]+(?:_[A-Z]+)*"
_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "provider": ("nhn-certs", "nhn-keys", "asteria", "-", "keyway:gateway"),
    "certificate": ("www.example.com", "server"),
    "key": ("orders-key", "demo-rsa"),
    "secret": ("demo-secret",),
    "trust_store": ("server", "client"),
    "alias": ("0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01",),
}
"""Names that exist in the emulated upstreams."""


@schemathesis.hook  # type: ignore[untyped-decorator]
def map_path_parameters(_context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Replace half of the generated names by names that exist."""
    for name, value in (parameters or {}).items():
        names = _KNOWN.get(name, ())
        choice = zlib.crc32(str(value).encode(errors="replace")) % (2 * len(names) or 1)
        if parameters is not None and choice < len(names):
            parameters[name] = names[choice]
    return parameters


def documented(text: str, code: str) -> set[str]:
    """Return the reasons that a comment documents for a gRPC status code: ``INTERNAL `A`, `B`; NOT_FOUND `C```."""
    found: set[str] = set()
    for clause in re.split(rf"(?=\b{_CODES}\s+`)", text):
        if re.match(rf"{code}\s+`", clause):
            found |= set(_REASON.findall(clause))
    return found


def reason(body: Any) -> str:
    """Return the reason of an error; empty without one."""
    return next((each["reason"] for each in body["details"] if each["@type"].endswith(".ErrorInfo")), "")


@schemathesis.check  # type: ignore[untyped-decorator]
def internal_error_is_documented(_context: Any, response: Any, case: Any) -> None:
    """Fail if a response with status 500 has a reason that the contract does not document."""
    if response.status_code != 500:
        return
    operation = case.operation.definition.raw
    text = _SERVICES[operation["tags"][0]] + operation["description"]
    expected = documented(text, "INTERNAL") | documented(text, "UNKNOWN")
    found = reason(json.loads(response.content))
    assert found in expected, f"reason {found!r} is not documented"
    assert found != "INTERNAL_ERROR", "a defect of the gateway"


@schemathesis.check  # type: ignore[untyped-decorator]
def response_of_the_gateway_is_not_stored(_context: Any, response: Any, _case: Any) -> None:
    """Fail if a response of the gateway may be stored, or if a successful response has no request ID."""
    is_of_gateway = "keyway-request-id" in response.headers
    assert is_of_gateway or response.status_code != 200, "no request ID"
    assert not is_of_gateway or response.headers.get("cache-control") == ["no-store"], "the response may be stored"
