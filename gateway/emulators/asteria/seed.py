"""Seed data of the control port: strict parsing and writing to the state. The default set is in demo.py.

    {"users": [{"name": "/x", "password": "…", "role": "administrator" | "developer" | "operator"}],
     "key_stores": {"server" | "client": {
         "password": "…", "private_key_password": "…",
         "certificate_pem": "leaf first, then its chain", "private_key_pem": "…"    either both of these
         "subject": {"CN": "…", "O": "…"}                                           or this: self-signed, with a CSR
     }},
     "authorities": {"server" | "client": [{"alias": "optional", "certificate_pem": "…"}]}}

All top-level keys are optional. An existing user, key store, or alias is replaced. Returns the users, whether each key
store has content, and the aliases.
"""

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.emulators.asteria import assumptions, certificates, issuing, sealing
from gateway.emulators.asteria.sealing import Passwords
from gateway.emulators.asteria.sessions import make_user
from gateway.emulators.asteria.state import AsteriaState, Authority, Role, Store, StoredKeyStore
from gateway.emulators.base import SeedError
from gateway.emulators.parsing import UnreadableError, parsing

_SELF_SIGNED_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class UserPlan:
    """A user to add."""

    name: str
    password: str = field(repr=False)
    role: Role


@dataclass(frozen=True, slots=True)
class KeyStorePlan:
    """A key store to fill; without a CSR if the certificate was not created here."""

    key: PrivateKeyTypes
    chain: tuple[x509.Certificate, ...]
    csr: bytes | None
    passwords: Passwords


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to add."""

    users: list[UserPlan] = field(default_factory=list)
    key_stores: dict[Store, KeyStorePlan] = field(default_factory=dict)
    authorities: dict[Store, list[Authority]] = field(default_factory=dict)


async def apply(state: AsteriaState, plan: Plan) -> None:
    """Write a plan to the state."""
    users = [make_user(each.name, each.password, each.role) for each in plan.users]
    sealed = {
        store: await asyncio.to_thread(sealing.seal, each.key, each.chain, each.passwords)
        for store, each in plan.key_stores.items()
    }
    for user in users:
        state.put_user(user)
    for store, content in sealed.items():
        state.put_key_store(store, StoredKeyStore(content, plan.key_stores[store].csr))
    for store, authorities in plan.authorities.items():
        for authority in authorities:
            state.delete_authority(store, authority.alias)
        state.add_authorities(store, authorities)


def inventory(state: AsteriaState) -> dict[str, Any]:
    """Return the resulting state, without secrets."""
    stored = {store: state.key_store(store) for store in Store}
    return {
        "users": [{"name": user.name, "role": user.role} for user in state.users()],
        "key_stores": {
            store: {"exist": content is not None, "csr": content is not None and content.csr is not None}
            for store, content in stored.items()
        },
        "authorities": {store: [each.alias for each in state.authorities(store)] for store in Store},
    }


def parse(data: Mapping[str, Any], now: dt.datetime) -> Plan:
    """Parse seed data to a plan. SeedError names the invalid field."""
    _known(data, "", "users", "key_stores", "authorities")
    users = _list(data.get("users", []), "users")
    key_stores = _stores(data.get("key_stores", {}), "key_stores")
    authorities = _stores(data.get("authorities", {}), "authorities")
    return Plan(
        [_user(each, f"users[{index}]") for index, each in enumerate(users)],
        {store: _key_store(each, f"key_stores.{store}", now) for store, each in key_stores.items()},
        {store: _authorities(each, f"authorities.{store}") for store, each in authorities.items()},
    )


def _user(data: object, place: str) -> UserPlan:
    fields = _object(data, place)
    _known(fields, place, "name", "password", "role")
    role = _text(fields, "role", place)
    if role not in list(Role):
        raise SeedError(f"{place}.role: must be one of {', '.join(Role)}")
    return UserPlan(_text(fields, "name", place), _text(fields, "password", place), Role(role))


def _key_store(data: object, place: str, now: dt.datetime) -> KeyStorePlan:
    fields = _object(data, place)
    _known(fields, place, "password", "private_key_password", "certificate_pem", "private_key_pem", "subject")
    passwords = Passwords(_text(fields, "password", place), _text(fields, "private_key_password", place))
    if "subject" in fields:
        return _self_signed(_object(fields["subject"], f"{place}.subject"), f"{place}.subject", passwords, now)
    chain = tuple(_certificates(fields, place))
    return KeyStorePlan(_private_key(fields, place, chain[0]), chain, None, passwords)


def _self_signed(subject: Mapping[str, Any], place: str, passwords: Passwords, now: dt.datetime) -> KeyStorePlan:
    _known(subject, place, *assumptions.DN_LENGTHS)
    texts = {part: _text(subject, part, place) for part in subject}
    signature = cast(issuing.SignatureAlgorithm, issuing.signature_algorithm("SHA256withECDSA"))
    try:
        issued = issuing.issue(issuing.Order(texts, "EC", 256, signature, _SELF_SIGNED_DAYS, now))
    except (ValueError, issuing.SigningError) as error:
        raise SeedError(f"{place}: {error}") from error
    return KeyStorePlan(issued.key, (issued.certificate,), issued.csr, passwords)


def _private_key(fields: Mapping[str, Any], place: str, leaf: x509.Certificate) -> PrivateKeyTypes:
    text = _text(fields, "private_key_pem", place)
    try:
        with parsing("the private key"):
            key = serialization.load_pem_private_key(text.encode(), None)
    except UnreadableError as error:
        raise SeedError(f"{place}.private_key_pem: must be an unencrypted private key") from error
    if certificates.public_key_bytes(key.public_key()) != certificates.public_key_bytes(leaf.public_key()):
        raise SeedError(f"{place}.private_key_pem: must be the key of the first certificate")
    return key


def _authorities(data: object, place: str) -> list[Authority]:
    return [_authority(each, f"{place}[{index}]") for index, each in enumerate(_list(data, place))]


def _authority(data: object, place: str) -> Authority:
    fields = _object(data, place)
    _known(fields, place, "alias", "certificate_pem")
    alias = _text(fields, "alias", place) if "alias" in fields else str(uuid.uuid4())
    return Authority(alias, certificates.to_der(_certificates(fields, place)[0]))


def _certificates(fields: Mapping[str, Any], place: str) -> list[x509.Certificate]:
    try:
        return certificates.parse_all(_text(fields, "certificate_pem", place).encode())
    except certificates.CertificateError as error:
        raise SeedError(f"{place}.certificate_pem: {error}") from error


def _stores(data: object, place: str) -> dict[Store, Any]:
    fields = _object(data, place)
    _known(fields, place, *Store)
    return {Store(name): value for name, value in fields.items()}


def _known(fields: Mapping[str, Any], place: str, *names: str) -> None:
    for name in fields:
        if name not in names:
            raise SeedError(f"{place}.{name}: unknown field".removeprefix("."))


def _object(data: object, place: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise SeedError(f"{place}: must be an object")
    return data


def _list(data: object, place: str) -> list[Any]:
    if not isinstance(data, list):
        raise SeedError(f"{place}: must be a list")
    return data


def _text(fields: Mapping[str, Any], name: str, place: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise SeedError(f"{place}.{name}: must be a non-empty string")
    return value
