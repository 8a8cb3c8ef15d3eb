"""Certificate Manager in every API version."""

from collections.abc import Mapping
from typing import Any, Final

from tests.contract.providers.nhn import ACCESS_KEY, failure, success
from tests.contract.suite import CheckCase, Suite

CHECKS: Final = (
    CheckCase({"mode": "error", "code": "52099"}, "DEGRADED", "UNRECOGNIZED_PROVIDER_ERROR"),
    CheckCase({"mode": "error", "code": "52099", "status": 401}, "DEGRADED", "PROVIDER_CREDENTIALS_REJECTED"),
)


def payload(value: Any) -> Mapping[str, Any]:
    """Return a payload with this value as the data."""
    return {"totalCount": 1, "data": value}


def suite(version: str, *secrets: str, **more: Any) -> Suite:
    """Return the configuration of one API version."""
    settings = {"id": "nhn-certs", "app_key": "certmanager-demo", "api_version": version, **more}
    return Suite("nhn-certificate-manager", settings, ("certmanager-demo", *secrets), success, failure, payload, CHECKS)


SUITES: Final = (
    suite("v1.0"),
    suite("v1.1", "demo-access-secret", user_access_key=ACCESS_KEY),
    suite("v1.2"),
    suite("v1.3", "demo-token", bearer_token="demo-token"),
)
