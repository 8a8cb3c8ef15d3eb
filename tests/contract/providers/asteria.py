"""ASTERIA Warp with an account."""

from collections.abc import Mapping
from typing import Any, Final

from tests.contract.suite import CheckCase, Suite


def success(payload: Any) -> Mapping[str, Any]:
    """Return the body of a successful response."""
    return {"result": {"status": "success", "data": payload}}


def failure(text: str) -> Mapping[str, Any]:
    """Return the body of a failed response."""
    return {"result": {"status": "error", "code": 9999, "message": text}}


def payload(value: Any) -> Mapping[str, Any]:
    """Return a payload with this value as the certificate, and as the result of the check."""
    return {"certificate": value, "exist": value}


SUITES: Final = (
    Suite(
        type="asteria",
        settings={"id": "asteria", "login": {"user_name": "/keyway", "password": "keyway-demo"}},
        secrets=("keyway-demo",),
        success=success,
        failure=failure,
        payload=payload,
        checks=(
            CheckCase({"mode": "error", "code": "5102"}, "DEGRADED", "PROVIDER_INTERNAL"),
            CheckCase({"mode": "error", "code": "3001"}, "DEGRADED", "PROVIDER_CREDENTIALS_REJECTED"),
        ),
        login_path="/mcapi/auth",
        login_payload={"sessionId": "s"},
        without_login={"login": None, "session_id": "a-session"},
    ),
)
