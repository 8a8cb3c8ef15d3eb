"""The decision of the policies about one call. Its users do not load the policy engine."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about one call. It is not for callers.

    policies: the names of the policies that decided; empty if no policy permitted the call.
    """

    action: str
    resource_type: str
    resource: str
    allowed: bool
    policies: tuple[str, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.action, self.resource_type, self.resource, self.allowed)))

    def __hash__(self) -> int:
        # Computed once: decisions are cached, and every call uses them as a key.
        return self._hash
