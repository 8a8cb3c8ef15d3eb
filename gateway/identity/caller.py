"""The caller of an RPC, as identity tells it and policy and audit use it."""

from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["spiffe", "dns", "common-name", "jwt", "anonymous"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. Hashable by name and kind, so that decisions and limits can be kept by it.

    name: a SPIFFE ID, a DNS name, a common name, or a token's subject; empty for nobody in particular.
    issuer: of the token; empty for certificates.
    groups, scopes: what a token says of its subject, sorted; for policy.
    """

    name: str
    kind: Kind
    issuer: str = ""
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.kind, self.issuer, self.groups, self.scopes)))

    def __hash__(self) -> int:
        # Counted once: callers are remembered, and looked up by in every call.
        return self._hash


ANONYMOUS: Final = Caller("", "anonymous")
"""Everybody, where no identity is configured."""
