"""Secure Key Manager in every API version."""

from collections.abc import Mapping
from typing import Any, Final

from tests.contract.providers.nhn import ACCESS_KEY, failure, success
from tests.contract.suite import CheckCase, Suite

CHECKS: Final = (
    CheckCase({"mode": "error", "code": "Invalid Appkey"}, "DEGRADED", "PROVIDER_CREDENTIALS_REJECTED"),
    CheckCase({"mode": "error", "code": "-49999"}, "DEGRADED", "PROVIDER_INTERNAL"),
)


def payload(value: Any) -> Mapping[str, Any]:
    """Return a payload with this value as the result of every call."""
    symmetric = ("ciphertext", "plaintext", "localKeyCiphertext", "localKeyPlaintext", "symmetricKey")
    return dict.fromkeys(("clientIp", "secret", "signature", "result", "key", "encodedKey", *symmetric), value)


def suite(version: str, *secrets: str, **more: Any) -> Suite:
    """Return the configuration of one API version."""
    settings = {"id": "nhn-keys", "app_key": "keymanager-demo", "api_version": version, **more}
    return Suite("nhn-secure-key-manager", settings, ("keymanager-demo", *secrets), success, failure, payload, CHECKS)


SUITES: Final = (
    suite("v1.0"),
    suite("v1.1", "demo-access-secret", user_access_key=ACCESS_KEY),
    suite("v1.2", "demo-access-secret", user_access_key=ACCESS_KEY),
    suite("v1.3", "demo-token", bearer_token="demo-token"),
)
