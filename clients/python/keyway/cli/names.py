"""Names as people type them and as the contract has them.

`nhn-keys/orders-key` is `providers/nhn-keys/keys/orders-key`; `orders-key` alone is enough where one provider alone
serves what is asked of it. Whether a name is a good one is the gateway's to say.
"""

from dataclasses import dataclass
from typing import Final

import click

from keyway.cli.session import Session


@dataclass(frozen=True, slots=True)
class Kind:
    """What a name names. collections: the words that stand before its ids, after the provider's."""

    what: str
    collections: tuple[str, ...]

    def name(self, provider: str, ids: list[str]) -> str:
        """In full."""
        pairs = (part for pair in zip(self.collections, ids, strict=True) for part in pair)
        return "/".join(("providers", provider, *pairs))


CERTIFICATE: Final = Kind("certificate", ("certificates",))
KEY: Final = Kind("key", ("keys",))
SECRET: Final = Kind("secret", ("secrets",))
STORE: Final = Kind("trust store", ("trustStores",))
AUTHORITY: Final = Kind("authority", ("trustStores", "authorities"))


def full(session: Session, kind: Kind, text: str, method: str) -> str:
    """The contract's name. method: what is to be called, such as `KeyService/Encrypt`, to find the one provider by."""
    parts, count = text.split("/"), len(kind.collections)
    if parts[0] == "providers" and len(parts) > count:
        # A full one, with whatever else it has (a key's version).
        return text
    if len(parts) == 2 * count + 1 and tuple(parts[1::2]) == kind.collections:
        return f"providers/{text}"
    if kind is KEY and len(parts) == 5 and (parts[1], parts[3]) == ("keys", "versions"):
        return f"providers/{text}"
    if len(parts) == count + 1:
        return kind.name(parts[0], parts[1:])
    if len(parts) == count:
        return kind.name(_only_provider(session, text, method), parts)
    raise click.UsageError(f"not the name of a {kind.what}: {text}; such as {kind.name('PROVIDER', ['NAME'] * count)}")


def provider(text: str) -> str:
    """A provider's name in full, or `providers/-`."""
    name = text if text.startswith("providers/") else f"providers/{text}"
    if name.count("/") != 1 or name.endswith("/"):
        raise click.UsageError(f"not the name of a provider: {text}; such as nhn-keys")
    return name


def short(name: str) -> str:
    """As tables show it, and as `full` takes it."""
    parts = name.split("/")
    if parts[0] != "providers":
        return name
    if "versions" in parts[4::2]:
        return name.removeprefix("providers/")
    return "/".join((*parts[1:2], *parts[3::2]))


def _only_provider(session: Session, text: str, method: str) -> str:
    serving = [each.name.split("/")[1] for each in session.providers() if f"keyway.v1.{method}" in each.methods]
    if len(serving) == 1:
        return serving[0]
    if not serving:
        raise click.UsageError(f"{text}: no provider serves {method.split('/')[1]}")
    raise click.UsageError(f"which one? {' or '.join(f'{each}/{text}' for each in serving)}")
