"""The default set, and applying a seed plan to the state: completely or not at all.

Checks the plan against the state and generates random key material. `seed_format.py` parses the data.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.emulators.base import Clock, SeedError
from gateway.emulators.secure_key_manager import asymmetric, symmetric
from gateway.emulators.secure_key_manager.seed_format import DEFAULT_APP_KEY, NewItem, NewVersion, SeedPlan, parse
from gateway.emulators.secure_key_manager.state import Item, KeyManagerState, Kind

_UNUSED_FINGERPRINT = "00" * 32
"""A fingerprint that no certificate has. `certificate-locked` becomes usable when it is seeded with a real one."""

DEFAULT_SEED: Final[Mapping[str, object]] = {
    "app_keys": [DEFAULT_APP_KEY],
    "user_access_keys": [{"id": "demo-access-key", "secret": "demo-access-secret"}],
    "bearer_tokens": ["demo-token"],
    "key_stores": [
        {"name": "demo"},
        {"name": "ip-locked", "ipv4_addresses": ["192.0.2.1"]},
        {"name": "mac-locked", "mac_addresses": ["00:00:5e:00:53:01"]},
        {"name": "certificate-locked", "certificates": [_UNUSED_FINGERPRINT]},
    ],
    "secrets": [
        {"id": "demo-secret", "secret": "hello from the secure key manager"},
        {"id": "demo-secret-unicode", "secret": "안녕하세요\n키 관리자"},
        {"id": "demo-secret-inactive", "secret": "former-secret", "state": "inactive"},
        *(
            {"id": f"{store}-secret", "key_store": store, "secret": f"kept in {store}"}
            for store in ("ip-locked", "mac-locked", "certificate-locked")
        ),
    ],
    "symmetric_keys": [
        {"id": "orders-key", "versions": 3},
        {"id": "demo-aes"},
        {"id": "demo-aes-inactive", "state": "inactive"},
        {"id": "demo-aes-inactive-version", "versions": [{"state": "inactive"}, {}]},
        {"id": "ip-locked-aes", "key_store": "ip-locked"},
        {"id": "mac-locked-aes", "key_store": "mac-locked"},
        {"id": "certificate-locked-aes", "key_store": "certificate-locked"},
    ],
    "asymmetric_keys": [
        {"id": "demo-rsa", "versions": 2},
        {"id": "demo-rsa-inactive", "state": "inactive"},
    ],
}


class Seeder:
    """Adds seed data to one installation, one seed at a time."""

    def __init__(self, state: KeyManagerState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def seed(self, data: Mapping[str, object] | None) -> Mapping[str, object]:
        """Add the described objects (None: the missing objects of the default set); return the resulting state."""
        # In a thread: checking an RSA key takes 50 ms.
        plan = await asyncio.to_thread(parse, DEFAULT_SEED if data is None else data)
        if data is None:
            plan = self._missing(plan)
        plan = await self._with_material(plan)
        with self._state.transaction():
            self._apply(plan)
        return self._description()

    def _missing(self, plan: SeedPlan) -> SeedPlan:
        """Return the plan without existing objects."""
        state = self._state
        stores = (store for store in plan.key_stores if state.key_store(store.app_key, store.name) is None)
        items = (new for new in plan.items if state.item(new.item.app_key, new.item.id) is None)
        return replace(plan, key_stores=tuple(stores), items=tuple(items))

    async def _with_material(self, plan: SeedPlan) -> SeedPlan:
        """Return the plan with random material added if none was given."""
        planned = {(new.item.app_key, new.item.id): new.item for new in plan.items}
        items = await asyncio.gather(*(_with_versions(new) for new in plan.items))
        rotations = []
        for rotation in plan.rotations:
            address = (rotation.app_key, rotation.id)
            item = planned.get(address) or self._state.item(*address)
            if item is None or item.kind is Kind.SECRET:
                raise SeedError(f"rotate: no key has the id {rotation.id!r}")
            if rotation.kind not in (None, item.kind):
                raise SeedError(f"rotate: the material does not fit the kind of the key {rotation.id!r}")
            rotations.append(replace(rotation, version=await _with_random(item.kind, rotation.version)))
        return replace(plan, items=tuple(items), rotations=tuple(rotations))

    def _apply(self, plan: SeedPlan) -> None:
        if plan.failures_as_200 is not None:
            self._state.set_failures_as_200(plan.failures_as_200)
        self._apply_credentials(plan)
        for store in plan.key_stores:
            self._state.add_app_key(store.app_key)
            self._state.put_key_store(store)
        for new in plan.items:
            self._add_item(new)
        for rotation in plan.rotations:
            item = self._existing(rotation.app_key, rotation.id, "rotate")
            _add_version(self._state, item, rotation.version)
        for change in plan.state_changes:
            item = self._existing(change.app_key, change.id, "states")
            if change.version is None:
                self._state.set_item_state(item, change.state)
            elif not self._state.set_version_state(item, change.version, change.state):
                raise SeedError(f"states: the key {change.id!r} has no version {change.version}")

    def _apply_credentials(self, plan: SeedPlan) -> None:
        for app_key in plan.app_keys:
            self._state.add_app_key(app_key)
        for access_key in plan.user_access_keys:
            self._state.put_user_access_key(access_key.id, access_key.secret)
        for token in plan.bearer_tokens:
            lifetime = token.lifetime_seconds
            expiry = None if lifetime is None else self._clock.now() + dt.timedelta(seconds=lifetime)
            self._state.put_bearer_token(token.token, expiry)

    def _add_item(self, new: NewItem) -> None:
        item = new.item
        if self._state.key_store(item.app_key, item.key_store) is None:
            raise SeedError(f"key_store: the key store {item.key_store!r} of {item.id!r} does not exist")
        present = self._state.item(item.app_key, item.id)
        if present is not None and not present.kind is item.kind is Kind.SECRET:
            raise SeedError(f"id: {item.id!r} already exists; use rotate or states to change a key")
        self._state.put_item(item)
        for version in new.versions:
            _add_version(self._state, item, version)

    def _existing(self, app_key: str, identifier: str, place: str) -> Item:
        item = self._state.item(app_key, identifier)
        if item is None:
            raise SeedError(f"{place}: no key or secret has the id {identifier!r}")
        return item

    def _description(self) -> Mapping[str, object]:
        """Return the state, without key material, secrets, or credentials."""
        return {
            "app_keys": self._state.app_keys(),
            "failures_as_200": self._state.failures_as_200,
            "key_stores": [{"app_key": store.app_key, "name": store.name} for store in self._state.key_stores()],
            "items": [
                {
                    "app_key": item.app_key,
                    "id": item.id,
                    "kind": item.kind.value,
                    "key_store": item.key_store,
                    "state": item.state.value,
                    "versions": [
                        {"version": version.number, "state": version.state.value}
                        for version in self._state.versions(item)
                    ],
                }
                for item in self._state.items()
            ],
        }


async def _with_versions(new: NewItem) -> NewItem:
    versions = await asyncio.gather(*(_with_random(new.item.kind, version) for version in new.versions))
    return replace(new, versions=tuple(versions))


async def _with_random(kind: Kind, version: NewVersion) -> NewVersion:
    if version.material is not None:
        return version
    material = symmetric.generate() if kind is Kind.SYMMETRIC else await asyncio.to_thread(asymmetric.generate)
    return replace(version, material=material)


def _add_version(state: KeyManagerState, item: Item, version: NewVersion) -> None:
    assert version.material is not None, "_with_material must run first"
    state.add_version(item, version.material, version.state)
