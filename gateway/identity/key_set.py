"""JSON Web Key Sets (RFC 7517): parsing and validation of an issuer's public keys. Does not load them."""

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

MAXIMUM_BYTES: Final = 256 * 1024
_MAXIMUM_KEYS: Final = 200
_MAXIMUM_ID_CHARACTERS: Final = 512
_RSA_BITS: Final = range(2048, 8193)

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey

_RSA_ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_ALGORITHMS_OF_CURVES: Final[Mapping[str, frozenset[str]]] = {
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "P-521": frozenset({"ES512"}),
    "Ed25519": frozenset({"EdDSA"}),
    "Ed448": frozenset({"EdDSA"}),
}


class KeySetError(ValueError):
    """The content is not a usable JSON Web Key Set. The message never quotes the content."""


@dataclass(frozen=True, slots=True)
class PublicJwk:
    """A public key with the signature algorithms that it can be used with."""

    key: PublicKey
    algorithms: frozenset[str]


class KeySet:
    """Keys by their IDs. Several keys can share an ID."""

    def __init__(self, keys: Mapping[str, tuple[PublicJwk, ...]]) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return sum(map(len, self._keys.values()))

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    def find(self, key_id: str, algorithm: str) -> list[PublicKey]:
        """Return the keys with this ID that support the algorithm."""
        return [each.key for each in self._keys.get(key_id, ()) if algorithm in each.algorithms]


NO_KEYS: Final = KeySet({})


def parse(content: bytes) -> KeySet:
    """Return the keys that can verify signatures. Other keys in the set, such as encryption keys, are left out."""
    if len(content) > MAXIMUM_BYTES:
        raise KeySetError(f"is larger than {MAXIMUM_BYTES} bytes")
    try:
        tree = orjson.loads(content.removeprefix(BOM_UTF8))
    except ValueError:
        raise KeySetError("is not JSON") from None
    members = tree.get("keys") if isinstance(tree, dict) else None
    if not isinstance(members, list):
        raise KeySetError("is not a JSON Web Key Set")
    if len(members) > _MAXIMUM_KEYS:
        raise KeySetError(f"contains more than {_MAXIMUM_KEYS} keys")
    found: dict[str, tuple[PublicJwk, ...]] = {}
    for each in members:
        member = _present(each)
        key_id = member.get("kid")
        if isinstance(key_id, str) and 0 < len(key_id) <= _MAXIMUM_ID_CHARACTERS:
            key = _verifying_key(member)
            if key is not None:
                found[key_id] = (*found.get(key_id, ()), key)
    if not found:
        raise KeySetError("contains no signature key with a key ID")
    return KeySet(found)


def _present(member: object) -> dict[str, Any]:
    """Return the members of a key that have a value. Some issuers write absent ones as null or as an empty list."""
    members = member if isinstance(member, dict) else {}
    return {name: value for name, value in members.items() if value not in (None, [])}


def _verifying_key(member: dict[str, Any]) -> PublicJwk | None:
    if member.get("use", "sig") != "sig":
        return None
    operations = member.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        key, algorithms = _public_key(member)
    except Exception:  # noqa: BLE001 - the parser raises many types
        return None
    if "alg" in member:
        algorithms &= {member["alg"]} if isinstance(member["alg"], str) else frozenset()
    return PublicJwk(key, algorithms) if algorithms else None


def _public_key(member: dict[str, Any]) -> tuple[PublicKey, frozenset[str]]:
    """Return the key from its public members only: private members, which do not belong there, are dropped."""
    public: dict[str, Any] = {name: member[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in member}
    key: object
    match public["kty"]:
        case "RSA":
            key = RSAAlgorithm.from_jwk(public)
            if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
                return key, _RSA_ALGORITHMS
        case "EC":
            key = ECAlgorithm.from_jwk(public)
            if isinstance(key, ec.EllipticCurvePublicKey):
                return key, _ALGORITHMS_OF_CURVES[public["crv"]]
        case "OKP":
            key = OKPAlgorithm.from_jwk(public)
            if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
                return key, _ALGORITHMS_OF_CURVES[public["crv"]]
    raise ValueError("unsupported key type")
