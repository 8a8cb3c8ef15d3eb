"""Verification of bearer tokens (JWT). A `KeySource` supplies the keys of the issuer.

Verified tokens are cached until they expire or the keys of the issuer change.
"""

import re
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

import jwt
import orjson
from jwt.exceptions import InvalidSubjectError

from gateway.config.load_state import LoadState
from gateway.identity.caller import Caller
from gateway.identity.errors import AuthenticationError, AuthenticationFailure
from gateway.identity.key_set import NO_KEYS, KeySet, PublicKey
from gateway.identity.settings import JwtSettings

MAXIMUM_TOKEN_CHARACTERS: Final = 8 * 1024
_MAXIMUM_SUBJECT_CHARACTERS: Final = 2048
_LAST_SECOND: Final = 1 << 53
_MAXIMUM_CACHED_TOKENS: Final = 10_000
_FORM: Final = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REQUIRED: Final = ["exp", "iss", "aud", "sub"]


class KeySource(Protocol):
    """The source of an issuer's keys: a file or a URL.

    load_state: if its last load failed, `current` may not return the keys that the issuer publishes.
    """

    load_state: LoadState

    async def start(self) -> None:
        """Load the keys and start the refresh."""

    async def close(self) -> None:
        """Stop the refresh."""

    def current(self) -> KeySet:
        """Return the keys: the same object until they change."""

    async def refresh(self) -> None:
        """Reload the keys, unless that was done too recently."""


class _Header(NamedTuple):
    algorithm: str
    key_id: str


class _CachedToken(NamedTuple):
    caller: Caller
    expires: float


class TokenVerifier:
    """Verifies the tokens of one issuer."""

    def __init__(self, settings: JwtSettings, keys: KeySource) -> None:
        self._settings = settings
        self._algorithms = frozenset(settings.algorithms)
        self._source = keys
        self._keys = NO_KEYS
        # Keyed by digest, so that no tokens accumulate in memory.
        self._cache: OrderedDict[bytes, _CachedToken] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """Return the caller of a valid token. Waits only if the token names an unknown key.

        Raises AuthenticationError for an invalid token.
        """
        digest = self._digest(token)
        return self._cached(digest) or await self._verify_new(token, digest)

    def recognize(self, token: str) -> Caller | None:
        """Return the caller of a valid token from the cache; None if the token is not in it.

        Raises AuthenticationError for a token that is too long or has expired.
        """
        return self._cached(self._digest(token))

    def _digest(self, token: str) -> bytes:
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise AuthenticationError(
                AuthenticationFailure.MALFORMED_TOKEN, f"longer than {MAXIMUM_TOKEN_CHARACTERS} characters"
            )
        return sha256(token.encode(errors="surrogatepass")).digest()

    def _cached(self, digest: bytes) -> Caller | None:
        self._use(self._source.current())
        cached = self._cache.get(digest)
        if cached is None:
            return None
        if cached.expires <= time.time():
            del self._cache[digest]
            raise AuthenticationError(AuthenticationFailure.EXPIRED_TOKEN, "exp has passed")
        self._cache.move_to_end(digest)
        return cached.caller

    def _use(self, keys: KeySet) -> None:
        """Drop cached tokens when the keys change, because the key of a token can be gone."""
        if keys is not self._keys:
            self._keys = keys
            self._cache.clear()

    async def _verify_new(self, token: str, digest: bytes) -> Caller:
        header = self._header(token)
        if header.key_id not in self._keys:
            await self._source.refresh()
            self._use(self._source.current())
        claims = self._claims(token, header)
        expires = int(claims["exp"])
        if expires > _LAST_SECOND:
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, "exp is not a valid time")
        caller = replace(_caller(claims), expires=expires + self._settings.leeway)
        self._cache[digest] = _CachedToken(caller, caller.expires)
        if len(self._cache) > _MAXIMUM_CACHED_TOKENS:
            self._cache.popitem(last=False)
        return caller

    def _header(self, token: str) -> _Header:
        """Parse and check the header of a token before its signature is verified."""
        form = _FORM.fullmatch(token)
        if form is None:
            raise AuthenticationError(AuthenticationFailure.MALFORMED_TOKEN, "not three Base64url parts")
        try:
            header = orjson.loads(urlsafe_b64decode(form[1] + "=" * (-len(form[1]) % 4)))
        except ValueError:
            header = None
        if not isinstance(header, dict):
            raise AuthenticationError(AuthenticationFailure.MALFORMED_TOKEN, "the header is not a JSON object")
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise AuthenticationError(
                AuthenticationFailure.INVALID_TOKEN, "alg is not one of the configured algorithms"
            )
        if "crit" in header:
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, "crit is not supported")
        if not isinstance(key_id, str) or not key_id:
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, "no kid")
        return _Header(algorithm, key_id)

    def _claims(self, token: str, header: _Header) -> dict[str, Any]:
        if header.key_id not in self._keys:
            if self._source.load_state.failed:
                raise AuthenticationError(
                    AuthenticationFailure.KEYS_UNAVAILABLE,
                    "kid is unknown, and the keys cannot be loaded",
                )
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, "kid is unknown")
        candidates = self._keys.find(header.key_id, header.algorithm)
        if not candidates:
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, "alg does not match the key")
        for key in candidates[:-1]:
            try:
                return self._decode(token, header.algorithm, key)
            except jwt.InvalidSignatureError:
                continue
        try:
            return self._decode(token, header.algorithm, candidates[-1])
        except jwt.InvalidSignatureError as error:
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, "the signature does not verify") from error

    def _decode(self, token: str, algorithm: str, key: PublicKey) -> dict[str, Any]:
        settings = self._settings
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=settings.leeway,
                options={"require": _REQUIRED},
            )
        except jwt.InvalidSignatureError:
            raise
        except jwt.ExpiredSignatureError:
            raise AuthenticationError(AuthenticationFailure.EXPIRED_TOKEN, "exp has passed") from None
        except jwt.MissingRequiredClaimError as error:
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, f"no {error.claim}") from None
        except jwt.PyJWTError as error:
            reason = _REASONS.get(type(error), "the token cannot be decoded")
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, reason) from None
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, "the token cannot be decoded") from None


_REASONS: Final[dict[type[Exception], str]] = {
    jwt.InvalidAudienceError: "aud does not contain the configured audience",
    jwt.InvalidIssuerError: "iss is not the configured issuer",
    jwt.ImmatureSignatureError: "nbf or iat is in the future",
    jwt.InvalidIssuedAtError: "iat is not a time",
    InvalidSubjectError: "sub is not a string",
}
"""Fixed messages, because those of the library can quote the token."""


def _caller(claims: dict[str, Any]) -> Caller:
    subject = claims["sub"]
    if not 0 < len(subject) <= _MAXIMUM_SUBJECT_CHARACTERS or not subject.isprintable():
        raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, "sub is not printable text")
    scopes = _texts(claims, "scope", separated=True) | _texts(claims, "scp", separated=True)
    groups = _texts(claims, "groups", separated=False)
    return Caller(subject, "jwt", claims["iss"], tuple(sorted(groups)), tuple(sorted(scopes)))


def _texts(claims: dict[str, Any], name: str, *, separated: bool) -> set[str]:
    """Return a claim that is a string or a list of strings. separated: a string contains values separated by spaces."""
    value = claims.get(name)
    if value is None:
        return set()
    if isinstance(value, str):
        value = value.split() if separated else [value]
    if isinstance(value, list) and all(isinstance(item, str) and item.isprintable() for item in value):
        return set(value)
    # Reject a malformed claim: ignoring it would let a caller evade a policy that forbids a group.
    raise AuthenticationError(AuthenticationFailure.INVALID_TOKEN, f"{name} is not a list of strings")
