"""Authentication of calls: the credentials of each API version, and the app key in the path."""

import hmac

from aiohttp import web

from gateway.emulators.certificate_manager import errors
from gateway.emulators.certificate_manager.state import CertificateManagerState
from gateway.emulators.certificate_manager.versions import ApiVersion, Credentials

ACCESS_KEY_ID = "X-TC-AUTHENTICATION-ID"
ACCESS_KEY_SECRET = "X-TC-AUTHENTICATION-SECRET"  # noqa: S105 - a header's name
AUTHORIZATION = "X-NHN-AUTHORIZATION"


def check(state: CertificateManagerState, request: web.Request, version: ApiVersion) -> str:
    """Return the app key of a permitted call. Raises CertificateManagerError for any other call."""
    if not _has_credentials(state, request, version):
        raise errors.CertificateManagerError(errors.BAD_CREDENTIALS)
    app_key = request.match_info["app_key"]
    if not state.has_app_key(app_key):
        raise errors.CertificateManagerError(errors.BAD_APP_KEY)
    return app_key


def _has_credentials(state: CertificateManagerState, request: web.Request, version: ApiVersion) -> bool:
    match version.credentials:
        case Credentials.NONE:
            return True
        case Credentials.ACCESS_KEY:
            return _has_access_key(state, request)
        case Credentials.ACCESS_KEY_IF_SENT:
            sent = ACCESS_KEY_ID in request.headers or ACCESS_KEY_SECRET in request.headers
            required = sent or state.requires_access_key_in_v1_2
            return not required or _has_access_key(state, request)
        case Credentials.BEARER_TOKEN:
            scheme, _, token = _header(request, AUTHORIZATION).partition(" ")
            return scheme == "Bearer" and state.has_bearer_token(token)


def _has_access_key(state: CertificateManagerState, request: web.Request) -> bool:
    secret = state.access_key_secret(_header(request, ACCESS_KEY_ID))
    sent = _header(request, ACCESS_KEY_SECRET)
    return secret is not None and hmac.compare_digest(secret.encode(), sent.encode())


def _header(request: web.Request, name: str) -> str:
    """Return a header as text for SQLite: bytes that are not UTF-8 match nothing."""
    return request.headers.get(name, "").encode(errors="replace").decode()
