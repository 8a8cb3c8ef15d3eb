"""The identity of a caller, which policy, rate limits, and audit use."""

import math
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["spiffe", "dns", "common-name", "jwt", "anonymous", "internal"]


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. Hashable, so that decisions and limits can be stored by caller.

    name: a SPIFFE ID, a DNS name, a common name, or the subject of a token; empty for anonymous callers. Of an internal
    caller: the part of the gateway that makes the call.
    issuer: the issuer of the token; empty for certificates.
    groups, scopes: sorted claims of the token, for policy.
    expires: when the credential expires, in seconds since 1970. It does not belong to the identity.
    """

    name: str
    kind: Kind
    issuer: str = ""
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    expires: float = field(default=math.inf, repr=False, compare=False)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.kind, self.issuer, self.groups, self.scopes)))

    def __hash__(self) -> int:
        # Computed once: callers are cached, and used as a key in every call.
        return self._hash


ANONYMOUS: Final = Caller("", "anonymous")
"""Every caller when `identity` is not configured."""
POLLER: Final = Caller("poller", "internal")
"""The poller of certificate lists."""
