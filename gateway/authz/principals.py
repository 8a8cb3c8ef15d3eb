"""How policies and limits spell a caller."""

from collections.abc import Mapping
from typing import Final

from gateway.identity.caller import Caller, Kind

CALLER: Final = "Keyway::Caller"
GROUP: Final = "Keyway::Group"

PREFIXES: Final[Mapping[Kind, str]] = {"spiffe": "", "dns": "dns:", "common-name": "cn:", "jwt": "sub:"}
"""What stands before a caller's name in its id. A SPIFFE ID says by itself what it is.

Without it a certificate whose subject's common name is a SPIFFE ID's text would pass for the workload of that ID.
"""
_SPIFFE: Final = "spiffe://"


def caller_id(caller: Caller) -> str:
    """The caller's id: `spiffe://example.org/web`, `dns:web.example.org`, `cn:Web`, `sub:1234`; `anonymous`."""
    prefix = PREFIXES.get(caller.kind)
    if prefix is None:
        return caller.kind
    return prefix + caller.name


def is_caller_id(text: str) -> bool:
    """Whether any caller can have this id."""
    return text.startswith((_SPIFFE, *filter(None, PREFIXES.values())))
