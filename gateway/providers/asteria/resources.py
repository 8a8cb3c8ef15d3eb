"""The resources of an ASTERIA server by their names: two certificates and two trust stores, `server` and `client`.

A name that can't exist here is refused before the server is asked. Names were checked for their pattern already.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.contract import resource_names
from gateway.errors import GatewayError
from gateway.providers.asteria.errors import AUTHORITY_CODES, CERTIFICATE_CODES, NO_SUCH_CERTIFICATE, Meaning

SIDES: Final = ("server", "client")
_NO_STORE: Final = "there is no such trust store"


@dataclass(frozen=True, slots=True)
class Resource:
    """What a call is about. side: `server` or `client`; alias: of an authority; codes: what the call's codes mean."""

    name: str
    side: str
    codes: Mapping[str, Meaning]
    alias: str = ""

    @property
    def provider(self) -> str:
        """The provider's id."""
        return resource_names.provider_id(self.name)


def certificate(name: str) -> Resource:
    """The certificate of this name; CERTIFICATE_NOT_FOUND where there can be none."""
    return _resource(resource_names.CERTIFICATE, "certificate", name, CERTIFICATE_CODES, "there is no such certificate")


def trust_store(name: str) -> Resource:
    """The trust store of this name; AUTHORITY_NOT_FOUND where there can be none."""
    return _resource(resource_names.TRUST_STORE, "trust_store", name, AUTHORITY_CODES, _NO_STORE)


def authority(name: str) -> Resource:
    """The authority of this name; AUTHORITY_NOT_FOUND where its trust store can't be."""
    return _resource(resource_names.TRUSTED_AUTHORITY, "trust_store", name, AUTHORITY_CODES, _NO_STORE)


def can_be_certificate(name: str) -> bool:
    """Whether there can be a certificate of this name."""
    return is_side((resource_names.CERTIFICATE.parse(name) or {}).get("certificate", ""))


def is_side(segment: str) -> bool:
    """Whether a certificate or a trust store can have this id."""
    return segment in SIDES


def certificate_name(provider: str, side: str) -> str:
    """The full name of a certificate."""
    return resource_names.CERTIFICATE.format(provider=provider, certificate=side)


def authority_name(store: Resource, alias: str) -> str:
    """The full name of an authority in the trust store; empty where the alias can't be part of a name."""
    if not resource_names.is_segment(alias):
        return ""
    return resource_names.TRUSTED_AUTHORITY.format(provider=store.provider, trust_store=store.side, alias=alias)


def _resource(
    pattern: resource_names.Pattern, side: str, name: str, codes: Mapping[str, Meaning], problem: str
) -> Resource:
    """problem: what is wrong with a name whose side is neither of the two."""
    segments = pattern.parse(name) or {}
    if not is_side(segments.get(side, "")):
        raise GatewayError(
            codes[NO_SUCH_CERTIFICATE].outcome,
            f"{name}: {problem}; there are {' and '.join(SIDES)}",
            metadata={"provider": resource_names.provider_id(name)},
            resource=name,
        )
    return Resource(name, segments[side], codes, segments.get("alias", ""))
