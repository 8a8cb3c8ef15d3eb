"""Reading the fields of a message separately, so that one unreadable field hides no other."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Value: TypeAlias = Message | Sequence[str] | datetime | str | None
"""None leaves the field unset. A datetime has a time zone."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS: Final = 24 * 60 * 60


class FieldReader:
    """Sets fields of a message that has `unreadable_fields`, which lists the fields that could not be read."""

    def __init__(self, message: Any) -> None:
        self._message = message

    def set(self, name: str, read: Callable[[], Value]) -> None:
        """Set a field to what `read` returns. If it raises ValueError or OverflowError, the field is unreadable."""
        try:
            _assign(self._message, name, read())
        except (ValueError, OverflowError):
            self._message.unreadable_fields.append(name)

    def set_partly(self, name: str, read: Callable[[], tuple[Value, bool]]) -> None:
        """Set a field. `read` also returns whether the value is complete. An incomplete value counts as unreadable."""
        try:
            value, complete = read()
            _assign(self._message, name, value)
        except (ValueError, OverflowError):
            complete = False
        if not complete:
            self._message.unreadable_fields.append(name)


def _assign(message: Any, name: str, value: Value) -> None:
    match value:
        case None:
            message.ClearField(name)
        case str():
            setattr(message, name, value)
        case datetime():
            since = value - _EPOCH
            moment = Timestamp(seconds=since.days * _DAY_SECONDS + since.seconds, nanos=since.microseconds * 1000)
            getattr(message, name).CopyFrom(moment)
        case Message():
            getattr(message, name).CopyFrom(value)
        case _:
            getattr(message, name)[:] = value
