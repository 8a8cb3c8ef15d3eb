"""Notes: the facts about a provider type that callers need and that the contract does not state.

Each provider package declares its notes in its module `notes` and names them in its `ProviderType`.
docs/providers.md is generated from them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """One limit or difference of an upstream.

    applies_to: a method (`Sign`), a field of its request or response (`Sign.plaintext`), or a field of a message
    (`Certificate.domains`). text: the fact, in complete sentences.
    """

    applies_to: str
    text: str


@dataclass(frozen=True, slots=True)
class ProviderNotes:
    """The notes of one provider type. title: the name of the product."""

    title: str
    notes: tuple[Note, ...]
