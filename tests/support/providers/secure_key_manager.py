"""The Secure Key Manager adapter over a scripted upstream, and its envelopes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.call_context import CallContext
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from gateway.providers.nhn_secure_key_manager.settings import SecureKeyManagerSettings
from tests.support.once import ONCE
from tests.support.scripted_upstream import ScriptedUpstream

PROVIDER = "providers/nhn-keys"
KEY = f"{PROVIDER}/keys/k1"
SECRET = f"{PROVIDER}/secrets/s1"
APP_KEY = "appKEY0123456789"
BASE = f"/keymanager/v1.0/appkey/{APP_KEY}"
SYMMETRIC = f"{BASE}/symmetric-keys/k1"
ASYMMETRIC = f"{BASE}/asymmetric-keys/k1"
VERSIONED_SYMMETRIC = f"/keymanager/v1.1/appkey/{APP_KEY}/symmetric-keys/k1/symmetric-key"
KEY_HEADERS = ("X-TC-AUTHENTICATION-ID", "X-TC-AUTHENTICATION-SECRET", "X-NHN-Authorization")
USER_ACCESS_KEY = {"id": "uak-id", "secret": "uak-secret"}
CIPHERTEXT = "AAAAABzGwQniNneKXmcOLhWnxEqC1rNY+UdVb3lyeX/4wSrP"
SIGNATURE = "AAAAAGI9zf831DX..."
AES_SAMPLE = (
    "0x00, 0x20, 0x00, 0x41, 0x00, 0x20, 0x00, 0x73, 0x00, 0x69, 0x00, 0x6d, 0x00, 0x70, 0x00, 0x6c, "
    "0x00, 0x65, 0x00, 0x20, 0x00, 0x4a, 0x00, 0x61, 0x00, 0x76, 0x00, 0x61, 0x00, 0x2e, 0x00, 0x20"
)
AES_SAMPLE_BYTES = " A simple Java. ".encode("utf-16-be")


def call(seconds: float = 10.0) -> CallContext:
    return CallContext(request_id="r1", deadline=time.monotonic() + seconds, idempotent=True)


def success(**body: object) -> dict[str, object]:
    return {"header": {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}, "body": body}


def failure(message: str, code: int | None = -1, **rest: object) -> dict[str, object]:
    return {"header": {"resultCode": code, "resultMessage": message, "isSuccessful": False}, **rest}


def settings(endpoint: str, **values: Any) -> Any:
    plain = {"id": "nhn-keys", "type": "nhn-secure-key-manager", "endpoint": endpoint, "app_key": APP_KEY, **ONCE}
    return SecureKeyManagerSettings.model_validate(plain | values)


@asynccontextmanager
async def connected(upstream: ScriptedUpstream, **values: Any) -> AsyncIterator[SecureKeyManager]:
    adapter = SecureKeyManager(settings(upstream.url, **values))
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.close()


def hexadecimal(data: bytes) -> str:
    return ", ".join(f"0x{octet:02x}" for octet in data)


def sent(upstream: ScriptedUpstream) -> tuple[str, str, bytes]:
    (request,) = upstream.requests
    return request.method, request.target, request.body
