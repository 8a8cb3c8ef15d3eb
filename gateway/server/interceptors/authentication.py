"""Who calls: from gRPC's view of a call to its `Caller`. One way for each listener: certificates, tokens, or none."""

import time
from typing import Any, Final, Protocol, TypeAlias

import grpc
import structlog

from gateway import errors
from gateway.errors import GatewayError
from gateway.identity import peers
from gateway.identity.caller import ANONYMOUS, Caller
from gateway.identity.errors import AuthenticationError, Fault
from gateway.identity.jwks_file import JwksFile
from gateway.identity.jwks_url import JwksUrl
from gateway.identity.settings import IdentitySettings, JwtSettings
from gateway.identity.tokens import KeySource, TokenVerifier
from gateway.telemetry.context import Metadata

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_SCHEME: Final = "bearer"
# Strangers must not be able to fill the log.
_SECONDS_BETWEEN_LINES: Final = 1.0

_log = structlog.get_logger(__name__)


class Authenticator(Protocol):
    """Tells who calls, or raises a GatewayError (UNAUTHENTICATED) whose cause is an AuthenticationError."""

    async def start(self) -> None:
        """Get ready; does not fail of what others may mend later."""

    async def close(self) -> None:
        """End what runs in the background."""

    async def authenticate(self, context: Context, metadata: Metadata) -> Caller:
        """The caller. Does not suspend, but where a token names a key that must be fetched first.

        metadata: of the context, which makes a copy of them each time that it is asked.
        """


def authenticator(identity: IdentitySettings | None) -> Authenticator:
    """The one that the settings ask for; ConfigError where a file that they name can't be used."""
    if identity is None:
        return Anonymous()
    if identity.jwt is not None:
        return ByToken(TokenVerifier(identity.jwt, keys := _keys(identity.jwt)), keys)
    return ByCertificate()


def _keys(settings: JwtSettings) -> KeySource:
    if settings.jwks_file is not None:
        return JwksFile(settings.jwks_file)
    assert settings.jwks_url is not None
    return JwksUrl(settings.jwks_url, settings.tls(), maximum_age=settings.jwks_maximum_age)


class Anonymous:
    """Nobody in particular."""

    async def start(self) -> None:
        """Nothing is left to do."""

    async def close(self) -> None:
        """Nothing is held."""

    async def authenticate(self, _context: Context, _metadata: Metadata) -> Caller:
        """Everybody is welcome."""
        return ANONYMOUS


class ByCertificate:
    """By the certificate that TLS asked for and verified when the connection was made."""

    def __init__(self) -> None:
        self._refusals = _Refusals()

    async def start(self) -> None:
        """Nothing is left to do."""

    async def close(self) -> None:
        """Nothing is held."""

    async def authenticate(self, context: Context, _metadata: Metadata) -> Caller:
        """The caller by its certificate's names."""
        try:
            return peers.caller_of(_client_certificate(context))
        except AuthenticationError as error:
            raise self._refusals.refusal(error, context) from error


class ByToken:
    """By the bearer token in the call's metadata."""

    def __init__(self, verifier: TokenVerifier, keys: KeySource) -> None:
        self._verifier = verifier
        self._keys = keys
        self._refusals = _Refusals()

    async def start(self) -> None:
        """Get the issuer's keys."""
        await self._keys.start()

    async def close(self) -> None:
        """Get no more of them."""
        await self._keys.close()

    async def authenticate(self, context: Context, metadata: Metadata) -> Caller:
        """The token's subject."""
        try:
            return await self._verifier.verify(_bearer_token(metadata))
        except AuthenticationError as error:
            raise self._refusals.refusal(error, context) from error


def _client_certificate(context: Context) -> bytes:
    """The one that TLS verified, as PEM."""
    properties = context.auth_context()
    certificate = next(iter(properties.get("x509_pem_cert", ())), None)
    if certificate is None or next(iter(properties.get("transport_security_type", ())), None) != b"ssl":
        raise AuthenticationError(Fault.NO_CERTIFICATE, "the connection has no client certificate")
    return certificate


def _bearer_token(metadata: Metadata) -> str:
    found = [value for key, value in metadata if key == "authorization"]
    if not found:
        raise AuthenticationError(Fault.NO_TOKEN, "no authorization in the metadata")
    if len(found) > 1 or not isinstance(found[0], str):
        raise AuthenticationError(Fault.MALFORMED_TOKEN, "more than one authorization in the metadata")
    scheme, _, token = found[0].partition(" ")
    if scheme.lower() != _SCHEME:
        raise AuthenticationError(Fault.NO_TOKEN, "the scheme of the authorization is not Bearer")
    return token.strip(" ")


class _Refusals:
    """Makes refusals, and tells operators of them: one line a second at most, with how many were left out."""

    def __init__(self) -> None:
        self._next_line = 0.0
        self._left_out = 0

    def refusal(self, error: AuthenticationError, context: Context) -> GatewayError:
        """What the caller gets."""
        now = time.monotonic()
        if now >= self._next_line:
            _log.warning("caller refused", fault=error.reason, peer=context.peer(), left_out=self._left_out)
            self._next_line, self._left_out = now + _SECONDS_BETWEEN_LINES, 0
        else:
            self._left_out += 1
        return GatewayError(errors.UNAUTHENTICATED, error.fault.value)
