"""Authentication: the app key, the credentials, and the rules of a key store.

`routes.py` checks the status of a key.
"""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from aiohttp import web

from gateway.emulators.secure_key_manager import errors
from gateway.emulators.secure_key_manager.assumptions import (
    CHECKS_SENT_ACCESS_KEYS,
    DEMANDS_ACCESS_KEYS,
    DEMANDS_BEARER_TOKEN,
)
from gateway.emulators.secure_key_manager.errors import KeyManagerError
from gateway.emulators.secure_key_manager.state import KeyManagerState, KeyStore

_MAC_HEADER = "X-TOAST-CLIENT-MAC-ADDR"
_ACCESS_KEY_ID_HEADER = "X-TC-AUTHENTICATION-ID"
_ACCESS_KEY_SECRET_HEADER = "X-TC-AUTHENTICATION-SECRET"  # noqa: S105 (a header's name)
_TOKEN_HEADER = "X-NHN-Authorization"  # noqa: S105 (a header's name)
_TOKEN_SCHEME = "Bearer "  # noqa: S105 (a scheme's name)


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """The origin of a request: the address, the MAC address header, and the fingerprint of the client certificate."""

    ip_address: str
    mac_address: str
    certificate: str | None

    @classmethod
    def of(cls, request: web.Request) -> "RequestOrigin":
        """Return the origin of a request."""
        return cls(_ip_address(request), _header(request.headers, _MAC_HEADER), _fingerprint(request))


def check_credentials(
    state: KeyManagerState, version: str, app_key: str, headers: Mapping[str, str], now: dt.datetime
) -> None:
    """Reject unknown app keys, and credentials that this API version does not accept."""
    if not state.has_app_key(app_key):
        raise KeyManagerError(errors.INVALID_APPKEY)
    if version in DEMANDS_BEARER_TOKEN:
        _check_token(state, _header(headers, _TOKEN_HEADER), now)
    sent = _ACCESS_KEY_ID_HEADER in headers or _ACCESS_KEY_SECRET_HEADER in headers
    if version in DEMANDS_ACCESS_KEYS or (version in CHECKS_SENT_ACCESS_KEYS and sent):
        identifier, secret = _header(headers, _ACCESS_KEY_ID_HEADER), _header(headers, _ACCESS_KEY_SECRET_HEADER)
        if not state.has_user_access_key(identifier, secret):
            raise KeyManagerError(errors.INVALID_USER_ACCESS_KEY)


def check_key_store(store: KeyStore, caller: RequestOrigin) -> None:
    """Reject callers that fail one of the key store's authentication rules."""
    if store.ipv4_addresses and caller.ip_address not in store.ipv4_addresses:
        raise KeyManagerError(errors.IPV4_AUTH_FAILURE)
    if store.mac_addresses and caller.mac_address.lower() not in store.mac_addresses:
        raise KeyManagerError(errors.MAC_AUTH_FAILURE)
    if store.certificates and caller.certificate not in store.certificates:
        raise KeyManagerError(errors.CERTIFICATE_AUTH_FAILURE)


def _check_token(state: KeyManagerState, header: str, now: dt.datetime) -> None:
    known = state.has_bearer_token(header.removeprefix(_TOKEN_SCHEME), now)
    if not (known and header.startswith(_TOKEN_SCHEME)):
        raise KeyManagerError(errors.INVALID_ACCESS_TOKEN)


def _header(headers: Mapping[str, str], name: str) -> str:
    """Return the header as Latin-1 text: aiohttp leaves lone surrogates in headers that are not UTF-8."""
    return headers.get(name, "").encode(errors="surrogateescape").decode("latin-1")


def _ip_address(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not peer:
        return ""
    address = ipaddress.ip_address(peer[0])
    # A dual-stack socket reports an IPv4 caller as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _fingerprint(request: web.Request) -> str | None:
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    if not isinstance(tls, ssl.SSLObject):
        return None
    certificate = tls.getpeercert(binary_form=True)
    return sha256(certificate).hexdigest() if certificate else None
