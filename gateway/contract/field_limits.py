"""Size limits of request fields that code outside of validation uses. Validation reads the other limits itself."""

from dataclasses import dataclass
from typing import Any, Final

from gateway.contract.descriptors import field_facts
from gateway.contract.methods import BATCHES, METHODS
from keyway.v1.options_pb2 import FieldFacts


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The limits of a batch.

    items: the maximum number of items. name_characters: the maximum total length of the names in all items.
    """

    items: int
    name_characters: int


def _batch_facts() -> list[FieldFacts]:
    requests: list[Any] = [method.request.DESCRIPTOR for method in METHODS if method.operation in BATCHES]
    return [field_facts(field) for request in requests for field in request.fields if field.is_repeated]


def _batch_limits() -> BatchLimits:
    facts = _batch_facts()
    found = {BatchLimits(each.max_items, each.max_name_characters) for each in facts}
    if len(found) != 1:
        raise ValueError(f"all batches must have the same limits: {found}")
    return found.pop()


BATCH_LIMITS: Final = _batch_limits()
"""The limits that all batches share."""
