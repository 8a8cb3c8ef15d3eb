"""Conversion between short names and resource names of the contract.

`nhn-keys/orders-key` is short for `providers/nhn-keys/keys/orders-key`. The provider is optional if only one provider
serves the method. The gateway validates the names.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from keyway.cli.session import Session

if TYPE_CHECKING:
    from keyway.v1.provider_pb2 import Provider

LIST_AUTHORITIES: Final = "CertificateService/ListTrustedAuthorities"
_STORES: Final = ("server", "client")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource. what: its name in messages. collections: the collections of its name after the provider."""

    what: str
    collections: tuple[str, ...]

    def name(self, provider: str, ids: list[str]) -> str:
        """Return the resource name."""
        pairs = (part for pair in zip(self.collections, ids, strict=True) for part in pair)
        return "/".join(("providers", provider, *pairs))


CERTIFICATE: Final = Kind("certificate", ("certificates",))
KEY: Final = Kind("key", ("keys",))
SECRET: Final = Kind("secret", ("secrets",))
STORE: Final = Kind("trust store", ("trustStores",))
AUTHORITY: Final = Kind("authority", ("trustStores", "authorities"))


def full(session: Session, kind: Kind, text: str, method: str) -> str:
    """Return the resource name of `text`. method: such as `KeyService/Encrypt`; it selects the default provider."""
    parts, count = text.split("/"), len(kind.collections)
    if parts[0] == "providers" and len(parts) > count:
        # A resource name, possibly with more segments, such as a key version.
        return text
    if len(parts) == 2 * count + 1 and tuple(parts[1::2]) == kind.collections:
        return f"providers/{text}"
    if kind is KEY and len(parts) == 5 and (parts[1], parts[3]) == ("keys", "versions"):
        return f"providers/{text}"
    if len(parts) == count + 1:
        return kind.name(parts[0], parts[1:])
    if len(parts) == count:
        return kind.name(_only_provider(session, text, method), parts)
    raise click.UsageError(f"invalid name of a {kind.what}: {text}; expected {kind.name('PROVIDER', ['NAME'] * count)}")


def provider(text: str) -> str:
    """Return the resource name of a provider, or `providers/-`."""
    name = text if text.startswith("providers/") else f"providers/{text}"
    if name.count("/") != 1 or name.endswith("/"):
        raise click.UsageError(f"invalid name of a provider: {text}; expected a name such as nhn-keys")
    return name


def provider_of(name: str) -> str:
    """Return the ID of the provider in a resource name; empty if the name is not one of a provider's resource."""
    return name.split("/")[1] if name.startswith("providers/") else ""


def short(name: str) -> str:
    """Return the short name, as tables show it and `full` accepts it."""
    parts = name.split("/")
    if parts[0] != "providers":
        return name
    if "versions" in parts[4::2]:
        return name.removeprefix("providers/")
    return "/".join((*parts[1:2], *parts[3::2]))


def trust_stores(providers: "Iterable[Provider]") -> Iterator[str]:
    """Yield the resource names of the trust stores of the providers that have trust stores."""
    for each in providers:
        if f"keyway.v1.{LIST_AUTHORITIES}" in each.methods:
            yield from (f"{each.name}/trustStores/{store}" for store in _STORES)


def _only_provider(session: Session, text: str, method: str) -> str:
    serving = [each.name.split("/")[1] for each in session.providers() if f"keyway.v1.{method}" in each.methods]
    if len(serving) == 1:
        return serving[0]
    if not serving:
        raise click.UsageError(f"{text}: no provider serves {method.split('/')[1]}")
    raise click.UsageError(f"ambiguous name: use {' or '.join(f'{each}/{text}' for each in serving)}")
