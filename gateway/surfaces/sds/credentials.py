"""The time at which the credential of a caller expires, and with it the streams that it has opened."""

import base64
import binascii
import math
from typing import Any

import orjson

from gateway import pem
from gateway.server.rpc_context import ServicerContext
from gateway.telemetry.context import Metadata


def expiry(transport: ServicerContext, metadata: Metadata) -> float:
    """Return when the verified credential of a call expires, in seconds since 1970; infinity if it does not."""
    certificate = next(iter(transport.auth_context().get("x509_pem_cert", ())), None)
    if isinstance(certificate, bytes):
        parsed, *_ = pem.certificates(certificate)
        return parsed.not_after.timestamp()
    token = next((value for key, value in metadata if key == "authorization" and isinstance(value, str)), "")
    return _token_expiry(token.rpartition(" ")[2])


def _token_expiry(token: str) -> float:
    """Return the claim `exp` of a token that has been verified."""
    parts = token.split(".")
    if len(parts) != 3:
        return math.inf
    try:
        claims: Any = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims.get("exp", math.inf))
    except (binascii.Error, ValueError, AttributeError, TypeError):
        return math.inf
