"""Reports of deliveries between the workers of a gateway, and their encoding.

A parser accepts only the known encoding, and raises ValueError, TypeError, or KeyError otherwise.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Self

import orjson

from gateway.deliveries.ledger import Delivery, DeliveryKey, DeliveryState

_FIELDS: Final = tuple(each.name for each in dataclasses.fields(Delivery))
_ROWS: Final = 1000
_TYPES: Final[Mapping[str, type]] = {"sent_at": float, "changed_at": float, "streams": int}


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What changed in the ledger of a worker. worker: its process ID. changes: None for a delivery that is forgotten.

    ended: whether the worker has ended.
    """

    worker: int
    changes: Mapping[DeliveryKey, Delivery | None] = field(default_factory=dict)
    ended: bool = False

    def encode(self) -> bytes:
        """Return the JSON encoding."""
        rows = [[list(key), _plain(delivery)] for key, delivery in self.changes.items()]
        return orjson.dumps({"worker": self.worker, "rows": rows, "ended": self.ended})

    @classmethod
    def of(cls, value: Any) -> Self:
        """Return the report in parsed JSON."""
        changes = {DeliveryKey(*map(_text, key)): _delivery(plain) for key, plain in value["rows"]}
        return cls(int(value["worker"]), changes, ended=bool(value["ended"]))


def in_parts(worker: int, changes: Mapping[DeliveryKey, Delivery | None]) -> Iterator[DeliveryReport]:
    """Yield reports of all changes, each short enough for one message: a node chooses how long its names are."""
    rows = iter(changes.items())
    while part := dict(islice(rows, _ROWS)):
        yield DeliveryReport(worker, part)


def _plain(delivery: Delivery | None) -> list[object] | None:
    if delivery is None:
        return None
    values = [getattr(delivery, name) for name in _FIELDS]
    return [value.value if isinstance(value, DeliveryState) else value for value in values]


def _delivery(value: Any) -> Delivery | None:
    if value is None:
        return None
    fields = dict(zip(_FIELDS, value, strict=True))
    state = DeliveryState(fields.pop("state"))
    values: dict[str, Any] = {name: _TYPES.get(name, _text)(each) for name, each in fields.items()}
    return Delivery(state=state, **values)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
