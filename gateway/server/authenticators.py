"""Authenticators: identify the caller of a gRPC call by client certificate, by bearer token, or not at all.

The verification of tokens and the clients of key sets are imported only if the configuration uses them.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from gateway import errors
from gateway.config.load_state import LoadState
from gateway.errors import GatewayError
from gateway.identity import peers
from gateway.identity.caller import ANONYMOUS, Caller
from gateway.identity.errors import AuthenticationError, AuthenticationFailure
from gateway.identity.settings import IdentitySettings, JwtSettings
from gateway.server.rpc_context import ServicerContext
from gateway.telemetry.context import Metadata

if TYPE_CHECKING:
    from gateway.identity.tokens import KeySource, TokenVerifier

_BEARER: Final = "bearer"
# Unauthenticated peers must not be able to fill the log.
_SECONDS_BETWEEN_LOG_LINES: Final = 1.0

_log = structlog.get_logger(__name__)


class Authenticator(Protocol):
    """Identifies callers. Failures are GatewayErrors with an AuthenticationError as their cause.

    load_states: the results of loading what identifies callers, by name.
    """

    load_states: Mapping[str, LoadState]

    async def start(self) -> None:
        """Prepare for calls. Does not fail for problems that can pass later, such as an unreachable key server."""

    async def close(self) -> None:
        """Stop all background work."""

    def recognize(self, transport: ServicerContext, metadata: Metadata) -> Caller | None:
        """Return the caller if that needs no wait; otherwise None, and `authenticate` returns it.

        metadata: that of `transport`, which copies it on each access.
        """

    async def authenticate(self, transport: ServicerContext, metadata: Metadata) -> Caller:
        """Return the caller. Suspends only to fetch the key that a token names."""


def authenticator(identity: IdentitySettings | None) -> Authenticator:
    """Create the configured authenticator. Raises ConfigError if a configured file cannot be used."""
    if identity is None:
        return AnonymousAuthenticator()
    if identity.jwt is not None:
        from gateway.identity.tokens import TokenVerifier  # noqa: PLC0415 - see the module's docstring

        return TokenAuthenticator(TokenVerifier(identity.jwt, keys := _keys(identity.jwt)), keys)
    return CertificateAuthenticator()


def _keys(settings: JwtSettings) -> "KeySource":
    if settings.jwks_file is not None:
        from gateway.identity.jwks_file import JwksFile  # noqa: PLC0415

        return JwksFile(settings.jwks_file)
    assert settings.jwks_url is not None
    from gateway.identity.jwks_url import JwksUrl  # noqa: PLC0415

    return JwksUrl(settings.jwks_url, settings.tls(), maximum_age=settings.jwks_maximum_age)


class AnonymousAuthenticator:
    """Accepts every caller as anonymous."""

    def __init__(self) -> None:
        self.load_states: Mapping[str, LoadState] = {}

    async def start(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def recognize(self, _transport: ServicerContext, _metadata: Metadata) -> Caller:
        """Return the anonymous caller."""
        return ANONYMOUS

    async def authenticate(self, transport: ServicerContext, metadata: Metadata) -> Caller:
        """Return the anonymous caller."""
        return self.recognize(transport, metadata)


class CertificateAuthenticator:
    """Identifies callers by the client certificate that TLS verified when the connection was made."""

    def __init__(self) -> None:
        self.load_states: Mapping[str, LoadState] = {}
        self._rejection_log = _RejectionLog()

    async def start(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def recognize(self, transport: ServicerContext, _metadata: Metadata) -> Caller:
        """Return the caller that the names of the certificate identify."""
        try:
            return peers.caller_of(_client_certificate(transport))
        except AuthenticationError as error:
            raise self._rejection_log.rejection(error, transport) from error

    async def authenticate(self, transport: ServicerContext, metadata: Metadata) -> Caller:
        """Return the caller that the names of the certificate identify."""
        return self.recognize(transport, metadata)


class TokenAuthenticator:
    """Identifies callers by the bearer token in the metadata of the call."""

    def __init__(self, verifier: "TokenVerifier", keys: "KeySource") -> None:
        self._verifier = verifier
        self._keys = keys
        self.load_states: Mapping[str, LoadState] = {"jwks": keys.load_state}
        self._rejection_log = _RejectionLog()

    async def start(self) -> None:
        """Load the issuer's keys."""
        await self._keys.start()

    async def close(self) -> None:
        """Stop loading keys."""
        await self._keys.close()

    def recognize(self, transport: ServicerContext, metadata: Metadata) -> Caller | None:
        """Return the subject of a token that was verified before; None for a new token."""
        try:
            return self._verifier.recognize(_bearer_token(metadata))
        except AuthenticationError as error:
            raise self._rejection_log.rejection(error, transport) from error

    async def authenticate(self, transport: ServicerContext, metadata: Metadata) -> Caller:
        """Return the subject of the token."""
        try:
            return await self._verifier.verify(_bearer_token(metadata))
        except AuthenticationError as error:
            raise self._rejection_log.rejection(error, transport) from error


def _client_certificate(transport: ServicerContext) -> bytes:
    """Return the certificate that TLS verified, as PEM."""
    properties = transport.auth_context()
    certificate = next(iter(properties.get("x509_pem_cert", ())), None)
    if certificate is None or next(iter(properties.get("transport_security_type", ())), None) != b"ssl":
        raise AuthenticationError(AuthenticationFailure.NO_CERTIFICATE, "the connection has no client certificate")
    assert isinstance(certificate, bytes)
    return certificate


def _bearer_token(metadata: Metadata) -> str:
    found = [value for key, value in metadata if key == "authorization"]
    if not found:
        raise AuthenticationError(AuthenticationFailure.NO_TOKEN, "the metadata has no authorization entry")
    if len(found) > 1 or not isinstance(found[0], str):
        raise AuthenticationError(
            AuthenticationFailure.MALFORMED_TOKEN, "the metadata has more than one authorization entry"
        )
    scheme, _, token = found[0].partition(" ")
    if scheme.lower() != _BEARER:
        raise AuthenticationError(AuthenticationFailure.NO_TOKEN, "the authorization scheme is not Bearer")
    return token.strip(" ")


class _RejectionLog:
    """Logs rejections for operators: at most one line per second, with the number of rejections not logged."""

    def __init__(self) -> None:
        self._next_line_at = 0.0
        self._suppressed = 0

    def rejection(self, error: AuthenticationError, transport: ServicerContext) -> GatewayError:
        """Log the rejection, and return the error for the caller, which does not contain the reason."""
        kind = errors.UNAUTHENTICATED
        if error.failure is AuthenticationFailure.KEYS_UNAVAILABLE:
            kind = errors.TOKEN_KEYS_UNAVAILABLE
        now = time.monotonic()
        if now >= self._next_line_at:
            _log.warning("caller_rejected", error=error.reason, peer=transport.peer(), suppressed=self._suppressed)
            self._next_line_at, self._suppressed = now + _SECONDS_BETWEEN_LOG_LINES, 0
        else:
            self._suppressed += 1
        return GatewayError(kind, error.failure.value)
