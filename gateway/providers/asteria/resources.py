"""The resources of an ASTERIA server: two certificates and two trust stores, `server` and `client`.

A name that cannot exist upstream is rejected before a request is sent. The server has already validated the pattern of
every name.
"""

from dataclasses import dataclass, replace
from typing import Final

from gateway.contract import resource_names
from gateway.errors import CERTIFICATE_NOT_FOUND, ErrorKind, GatewayError
from gateway.providers.asteria.status_table import AUTHORITY_NOT_FOUND, TRUST_STORE

SIDES: Final = ("server", "client")
_NO_CERTIFICATE: Final = f"this provider has only the certificates {' and '.join(SIDES)}"
_NOT_ENCODED: Final = "no authority has this name; a percent sign before two hexadecimal digits is written as %25"
_NO_STORE: Final = f"this provider has only the trust stores {' and '.join(SIDES)}"


@dataclass(frozen=True, slots=True)
class Resource:
    """The resource of a call. side: `server` or `client`. scope: see `StatusRow`. alias: the alias of an authority."""

    name: str
    side: str
    scope: str = ""
    alias: str = ""

    @property
    def provider(self) -> str:
        """The ID of the provider."""
        return resource_names.provider_id(self.name)


def certificate(name: str) -> Resource:
    """Return the certificate with this name. Raises CERTIFICATE_NOT_FOUND if it cannot exist."""
    segments = resource_names.CERTIFICATE.parse(name) or {}
    side = segments.get("certificate", "")
    if not is_side(side):
        raise _not_found(name, CERTIFICATE_NOT_FOUND, _NO_CERTIFICATE)
    return Resource(name, side)


def trust_store(name: str) -> Resource:
    """Return the trust store with this name. Raises AUTHORITY_NOT_FOUND if it cannot exist."""
    return _in_trust_store(resource_names.TRUST_STORE, name)


def authority(name: str) -> Resource:
    """Return the authority with this name. Raises AUTHORITY_NOT_FOUND if it, or its trust store, cannot exist."""
    found = _in_trust_store(resource_names.TRUSTED_AUTHORITY, name)
    alias = resource_names.decode_segment(found.alias)
    if alias is None:
        raise _not_found(name, AUTHORITY_NOT_FOUND, _NOT_ENCODED)
    return replace(found, alias=alias)


def can_be_certificate(name: str) -> bool:
    """Return whether a certificate with this name can exist."""
    return is_side((resource_names.CERTIFICATE.parse(name) or {}).get("certificate", ""))


def is_side(segment: str) -> bool:
    """Return whether a certificate or a trust store can have this ID."""
    return segment in SIDES


def certificate_name(provider: str, side: str) -> str:
    """Return the resource name of a certificate."""
    return resource_names.CERTIFICATE.format(provider=provider, certificate=side)


def authority_name(store: Resource, alias: str) -> str:
    """Return the resource name of an authority; empty if it would be too long for a request."""
    segment = resource_names.encode_segment(alias)
    name = resource_names.TRUSTED_AUTHORITY.format(provider=store.provider, trust_store=store.side, alias=segment)
    return name if resource_names.TRUSTED_AUTHORITY.parse(name) is not None else ""


def _in_trust_store(pattern: resource_names.Pattern, name: str) -> Resource:
    segments = pattern.parse(name) or {}
    side = segments.get("trust_store", "")
    if not is_side(side):
        raise _not_found(name, AUTHORITY_NOT_FOUND, _NO_STORE)
    return Resource(name, side, TRUST_STORE, segments.get("alias", ""))


def _not_found(name: str, outcome: ErrorKind, problem: str) -> GatewayError:
    metadata = {"provider": resource_names.provider_id(name)}
    return GatewayError(outcome, f"{name}: {problem}", metadata=metadata, resource=name)
