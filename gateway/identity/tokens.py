"""Bearer tokens: whether one is valid, and who its subject is. Not responsible for where the issuer's keys come from.

A token that was verified once costs next to nothing until it expires, or the issuer's keys change.
"""

import re
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

import jwt
import orjson
from jwt.exceptions import InvalidSubjectError

from gateway.identity.caller import Caller
from gateway.identity.errors import AuthenticationError, Fault
from gateway.identity.key_set import NO_KEYS, KeySet, PublicKey
from gateway.identity.settings import JwtSettings

MAXIMUM_TOKEN_CHARACTERS: Final = 8 * 1024
_MAXIMUM_SUBJECT_CHARACTERS: Final = 2048
_LAST_SECOND: Final = 1 << 53
_REMEMBERED_TOKENS: Final = 10_000
_FORM: Final = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REQUIRED: Final = ["exp", "iss", "aud", "sub"]


class KeySource(Protocol):
    """Where an issuer's keys come from: a file or a URL."""

    async def start(self) -> None:
        """Begin to keep the keys fresh."""

    async def close(self) -> None:
        """End it."""

    def current(self) -> KeySet:
        """The keys; the same object as long as they are the same."""

    async def look_again(self) -> None:
        """Make sure that they are the newest, as far as that is not asked too often."""


class _Header(NamedTuple):
    algorithm: str
    key_id: str


class _Known(NamedTuple):
    caller: Caller
    expires: float


class TokenVerifier:
    """Verifies one issuer's tokens."""

    def __init__(self, settings: JwtSettings, keys: KeySource) -> None:
        self._settings = settings
        self._algorithms = frozenset(settings.algorithms)
        self._source = keys
        self._keys = NO_KEYS
        # By digest: the memory of this process is no place to collect tokens in.
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """The subject of a valid token; waits only where the token names a key that is not known yet."""
        if len(token) > MAXIMUM_TOKEN_CHARACTERS:
            raise AuthenticationError(Fault.MALFORMED_TOKEN, f"longer than {MAXIMUM_TOKEN_CHARACTERS} characters")
        self._take(self._source.current())
        digest = sha256(token.encode(errors="surrogatepass")).digest()
        known = self._known.get(digest)
        if known is None:
            return await self._verify_new(token, digest)
        if known.expires <= time.time():
            del self._known[digest]
            raise AuthenticationError(Fault.EXPIRED_TOKEN, "exp has passed")
        self._known.move_to_end(digest)
        return known.caller

    def _take(self, keys: KeySet) -> None:
        """What was signed with a key that is gone must be verified again."""
        if keys is not self._keys:
            self._keys = keys
            self._known.clear()

    async def _verify_new(self, token: str, digest: bytes) -> Caller:
        header = self._header(token)
        if header.key_id not in self._keys:
            await self._source.look_again()
            self._take(self._source.current())
        claims = self._claims(token, header)
        caller = _caller(claims)
        expires = int(claims["exp"])
        if expires > _LAST_SECOND:
            raise AuthenticationError(Fault.INVALID_TOKEN, "exp is no time")
        self._known[digest] = _Known(caller, expires + self._settings.leeway)
        if len(self._known) > _REMEMBERED_TOKENS:
            self._known.popitem(last=False)
        return caller

    def _header(self, token: str) -> _Header:
        """What the token says of its signature, before anything is verified."""
        form = _FORM.fullmatch(token)
        if form is None:
            raise AuthenticationError(Fault.MALFORMED_TOKEN, "not three parts in Base64")
        try:
            header = orjson.loads(urlsafe_b64decode(form[1] + "=" * (-len(form[1]) % 4)))
        except ValueError:
            header = None
        if not isinstance(header, dict):
            raise AuthenticationError(Fault.MALFORMED_TOKEN, "the header is not a JSON object")
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise AuthenticationError(Fault.INVALID_TOKEN, "alg is not one of the configured algorithms")
        if "crit" in header:
            raise AuthenticationError(Fault.INVALID_TOKEN, "crit asks for what is not supported")
        if not isinstance(key_id, str) or not key_id:
            raise AuthenticationError(Fault.INVALID_TOKEN, "no kid")
        return _Header(algorithm, key_id)

    def _claims(self, token: str, header: _Header) -> dict[str, Any]:
        if header.key_id not in self._keys:
            reason = "the issuer's keys are not there yet" if self._keys is NO_KEYS else "kid is not a known key's"
            raise AuthenticationError(Fault.INVALID_TOKEN, reason)
        candidates = self._keys.find(header.key_id, header.algorithm)
        if not candidates:
            raise AuthenticationError(Fault.INVALID_TOKEN, "alg does not go with the key")
        for key in candidates[:-1]:
            try:
                return self._decode(token, header.algorithm, key)
            except jwt.InvalidSignatureError:
                continue
        try:
            return self._decode(token, header.algorithm, candidates[-1])
        except jwt.InvalidSignatureError as error:
            raise AuthenticationError(Fault.INVALID_TOKEN, "the signature does not verify") from error

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
            raise AuthenticationError(Fault.EXPIRED_TOKEN, "exp has passed") from None
        except jwt.MissingRequiredClaimError as error:
            raise AuthenticationError(Fault.INVALID_TOKEN, f"no {error.claim}") from None
        except jwt.PyJWTError as error:
            reason = _REASONS.get(type(error), "it can't be decoded")
            raise AuthenticationError(Fault.INVALID_TOKEN, reason) from None
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            raise AuthenticationError(Fault.INVALID_TOKEN, "it can't be decoded") from None


_REASONS: Final[dict[type[Exception], str]] = {
    jwt.InvalidAudienceError: "aud is not ours",
    jwt.InvalidIssuerError: "iss is not the configured issuer",
    jwt.ImmatureSignatureError: "nbf or iat lies in the future",
    jwt.InvalidIssuedAtError: "iat is not a time",
    InvalidSubjectError: "sub is not text",
}
"""In our own words: the library's can quote the token."""


def _caller(claims: dict[str, Any]) -> Caller:
    subject = claims["sub"]
    if not 0 < len(subject) <= _MAXIMUM_SUBJECT_CHARACTERS or not subject.isprintable():
        raise AuthenticationError(Fault.INVALID_TOKEN, "sub is not plain text")
    scopes = _texts(claims, "scope", separated=True) | _texts(claims, "scp", separated=True)
    groups = _texts(claims, "groups", separated=False)
    return Caller(subject, "jwt", claims["iss"], tuple(sorted(groups)), tuple(sorted(scopes)))


def _texts(claims: dict[str, Any], name: str, *, separated: bool) -> set[str]:
    """A claim that is a text or a list of texts. separated: one text may hold several, with spaces between them."""
    value = claims.get(name)
    if value is None:
        return set()
    if isinstance(value, str):
        value = value.split() if separated else [value]
    if isinstance(value, list) and all(isinstance(item, str) and item.isprintable() for item in value):
        return set(value)
    # Whom a policy forbids something by group must not get round it by an odd spelling of the groups.
    raise AuthenticationError(Fault.INVALID_TOKEN, f"{name} is not a list of plain texts")
