"""The seed data of the control port, parsed to a typed plan. All members and all fields with a default are optional.

    {"app_key": "keymanager-demo",                      the app key of all objects without their own
     "failures_as_200": true,                           failures have HTTP 200 and an error envelope
     "app_keys": ["…"],                                 more app keys
     "user_access_keys": [{"id": "…", "secret": "…"}],  for v1.1 and v1.2
     "bearer_tokens": ["…", {"token": "…", "lifetime_seconds": 60}],           for v1.3
     "key_stores": [{"name": "…", "ipv4_addresses": [], "mac_addresses": [],
                     "certificates": []}],              SHA-256 fingerprints (hexadecimal, colons allowed) or PEM texts;
                                                        an existing key store gets the new authentication settings
     "secrets": [{"id": "…", "secret": "…", "key_store": "demo", "state": "active"}],  replaces an existing secret
     "symmetric_keys": [{"id": "…", "key_store": "demo", "state": "active",
                         "versions": 2}],               or [{"material": "64 hexadecimal digits", "state": "active"}]
     "asymmetric_keys": [{"id": "…", "versions": [{"private_key": "RSA-2048 in PEM"}]}],   material left out is random
     "rotate": ["orders-key", {"id": "…", "material": "…"}],             one more version, which becomes the current one
     "states": [{"id": "…", "state": "inactive"}, {"id": "…", "version": 0, "state": "deletion_scheduled"}]}

Objects that belong to an app key also accept `app_key`. This module checks shapes and types; `seed.py` checks the plan
against the state.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.emulators.parsing import parsing
from gateway.emulators.secure_key_manager import asymmetric, symmetric
from gateway.emulators.secure_key_manager.seed_fields import Fields
from gateway.emulators.secure_key_manager.state import Item, KeyState, KeyStore, Kind
from gateway.emulators.secure_key_manager.texts import MalformedError

DEFAULT_APP_KEY: Final = "keymanager-demo"
DEFAULT_KEY_STORE: Final = "demo"
_MAXIMUM_VERSIONS = 100
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SeededAccessKey:
    """The ID and secret of a user access key."""

    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token; `lifetime_seconds` None means that it does not expire."""

    token: str
    lifetime_seconds: float | None


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A key version to add; `material` None generates random material."""

    material: bytes | None
    state: KeyState


@dataclass(frozen=True, slots=True)
class NewItem:
    """A secret, or a key with its versions, to add."""

    item: Item
    versions: tuple[NewVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Rotation:
    """A key that gets a new version. `kind`: the kind of the given material; None fits both."""

    app_key: str
    id: str
    kind: Kind | None
    version: NewVersion


@dataclass(frozen=True, slots=True)
class StateChange:
    """A new state for an id, or for one version of it."""

    app_key: str
    id: str
    version: int | None
    state: KeyState


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """The objects to add, in this order."""

    failures_as_200: bool | None
    app_keys: tuple[str, ...]
    user_access_keys: tuple[SeededAccessKey, ...]
    bearer_tokens: tuple[BearerToken, ...]
    key_stores: tuple[KeyStore, ...]
    items: tuple[NewItem, ...]
    rotations: tuple[Rotation, ...]
    state_changes: tuple[StateChange, ...]


def parse(data: Mapping[str, object]) -> SeedPlan:
    """Parse seed data to a plan. SeedError names the invalid field."""
    fields = Fields(data, "", DEFAULT_APP_KEY)
    fields.app_key = fields.text("app_key", DEFAULT_APP_KEY)
    plan = SeedPlan(
        failures_as_200=_boolean(fields, "failures_as_200"),
        app_keys=tuple(fields.texts("app_keys")),
        user_access_keys=tuple(fields.each("user_access_keys", _user_access_key)),
        bearer_tokens=tuple(fields.each("bearer_tokens", _bearer_token, shorthand="token")),
        key_stores=tuple(fields.each("key_stores", _key_store)),
        items=(
            *fields.each("secrets", _secret),
            *fields.each("symmetric_keys", _symmetric_key),
            *fields.each("asymmetric_keys", _asymmetric_key),
        ),
        rotations=tuple(fields.each("rotate", _rotation, shorthand="id")),
        state_changes=tuple(fields.each("states", _state_change)),
    )
    fields.finish()
    return plan


def _boolean(fields: Fields, name: str) -> bool | None:
    value = fields.raw(name)
    if value is not None and not isinstance(value, bool):
        raise fields.refuse(name, "must be true or false")
    return value


def _user_access_key(fields: Fields) -> SeededAccessKey:
    return SeededAccessKey(fields.text("id"), fields.text("secret"))


def _bearer_token(fields: Fields) -> BearerToken:
    lifetime = fields.raw("lifetime_seconds")
    if lifetime is not None and (isinstance(lifetime, bool) or not isinstance(lifetime, int | float)):
        raise fields.refuse("lifetime_seconds", "must be a number")
    return BearerToken(fields.text("token"), lifetime)


def _key_store(fields: Fields) -> KeyStore:
    return KeyStore(
        fields.app_key,
        fields.text("name"),
        ipv4_addresses=_shown(fields, "ipv4_addresses", _ipv4_address),
        mac_addresses=_shown(fields, "mac_addresses", _mac_address),
        certificates=_shown(fields, "certificates", _fingerprint),
    )


def _shown(fields: Fields, name: str, normalize: Callable[[str], str]) -> frozenset[str]:
    try:
        return frozenset(normalize(value) for value in fields.texts(name))
    except ValueError as error:
        raise fields.refuse(name, str(error)) from error


def _ipv4_address(text: str) -> str:
    return str(ipaddress.IPv4Address(text))


def _mac_address(text: str) -> str:
    if not _MAC.fullmatch(text.lower()):
        raise ValueError("must be a list of MAC addresses such as 00:00:5e:00:53:01")
    return text.lower()


def _fingerprint(text: str) -> str:
    if text.lstrip().startswith("-----BEGIN"):
        with parsing("the certificate"):
            return sha256(x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.DER)).hexdigest()
    fingerprint = text.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise ValueError("must be a list of SHA-256 fingerprints or PEM certificates")
    return fingerprint


def _item(fields: Fields, kind: Kind, secret: str | None = None) -> Item:
    key_store = fields.text("key_store", DEFAULT_KEY_STORE)
    return Item(fields.app_key, fields.text("id"), kind, key_store, fields.state(), secret)


def _secret(fields: Fields) -> NewItem:
    return NewItem(_item(fields, Kind.SECRET, fields.text("secret", empty=True)))


def _symmetric_key(fields: Fields) -> NewItem:
    return NewItem(_item(fields, Kind.SYMMETRIC), _versions(fields, Kind.SYMMETRIC))


def _asymmetric_key(fields: Fields) -> NewItem:
    return NewItem(_item(fields, Kind.ASYMMETRIC), _versions(fields, Kind.ASYMMETRIC))


def _versions(fields: Fields, kind: Kind) -> tuple[NewVersion, ...]:
    value = fields.raw("versions", 1)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MAXIMUM_VERSIONS:
        return (NewVersion(None, KeyState.ACTIVE),) * value
    if not isinstance(value, list) or not 1 <= len(value) <= _MAXIMUM_VERSIONS:
        raise fields.refuse(
            "versions",
            f"must be a number from 1 to {_MAXIMUM_VERSIONS}, or a list of 1 to {_MAXIMUM_VERSIONS} versions",
        )
    holder = fields.nested("versions", value)
    return tuple(holder.each("versions", lambda version: _version(version, kind)))


def _version(fields: Fields, kind: Kind) -> NewVersion:
    material = _aes_material(fields) if kind is Kind.SYMMETRIC else _rsa_material(fields)
    return NewVersion(material, fields.state())


def _aes_material(fields: Fields) -> bytes | None:
    if not fields.has("material"):
        return None
    try:
        material = bytes.fromhex(fields.text("material"))
    except ValueError:
        material = b""
    if len(material) != symmetric.KEY_BYTES:
        raise fields.refuse("material", f"must have {2 * symmetric.KEY_BYTES} hexadecimal digits")
    return material


def _rsa_material(fields: Fields) -> bytes | None:
    if not fields.has("private_key"):
        return None
    try:
        return asymmetric.private_key_from_pem(fields.text("private_key"))
    except MalformedError as error:
        raise fields.refuse("private_key", str(error)) from error


def _rotation(fields: Fields) -> Rotation:
    symmetric_given, asymmetric_given = fields.has("material"), fields.has("private_key")
    if symmetric_given and asymmetric_given:
        raise fields.refuse("private_key", "must not be combined with material")
    kind = Kind.SYMMETRIC if symmetric_given else Kind.ASYMMETRIC if asymmetric_given else None
    return Rotation(fields.app_key, fields.text("id"), kind, _version(fields, kind or Kind.SYMMETRIC))


def _state_change(fields: Fields) -> StateChange:
    if not fields.has("state"):
        raise fields.refuse("state", f"must be one of {', '.join(KeyState)}")
    number = fields.raw("version")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise fields.refuse("version", "must be an integer")
    return StateChange(fields.app_key, fields.text("id"), number, fields.state())
