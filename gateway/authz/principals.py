"""Principals: the caller IDs that policies and rate limits use."""

from collections.abc import Mapping
from typing import Final

from gateway.contract.resource_names import RESERVED_PREFIX
from gateway.identity.caller import Caller, Kind

CALLER: Final = "Keyway::Caller"
GROUP: Final = "Keyway::Group"

PREFIXES: Final[Mapping[Kind, str]] = {
    "spiffe": "",
    "dns": "dns:",
    "common-name": "cn:",
    "jwt": "sub:",
    "internal": RESERVED_PREFIX,
}
"""The prefix of a caller ID, by the kind of the caller's name. A SPIFFE ID needs none.

Without prefixes, a certificate with the common name `spiffe://example.org/web` would have the ID of that workload.
"""
_SPIFFE: Final = "spiffe://"


def caller_id(caller: Caller) -> str:
    """Return the ID of a caller: `spiffe://example.org/web`, `dns:web.example.org`, `cn:Web`, `sub:1234`,
    `anonymous`.
    """
    prefix = PREFIXES.get(caller.kind)
    if prefix is None:
        return caller.kind
    return prefix + caller.name


def caller_with_id(text: str) -> Caller | None:
    """Return the caller that a configuration names by its ID; None if no certificate and no token can have this ID.

    The caller has no issuer, groups, or scopes.
    """
    if text.startswith(_SPIFFE):
        return Caller(text, "spiffe")
    for kind, prefix in PREFIXES.items():
        if prefix and prefix != RESERVED_PREFIX and text.startswith(prefix) and len(text) > len(prefix):
            return Caller(text.removeprefix(prefix), kind)
    return None


def is_caller_id(text: str) -> bool:
    """Return whether a caller can have this ID."""
    return text.startswith((_SPIFFE, *filter(None, PREFIXES.values())))
