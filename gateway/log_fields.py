"""What log lines say of the call that they are written in. Costs a call nothing that logs nothing."""

from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, Protocol


class Known(Protocol):
    """A call, as lines of the log tell it apart."""

    def log_fields(self) -> Mapping[str, str]:
        """Its method, its ids."""


CURRENT: Final[ContextVar[Known | None]] = ContextVar("current_call", default=None)
"""The call that the running task serves. Set once in the task of each call, which nobody else runs in."""


def current() -> Mapping[str, str]:
    """The fields of the call that this is written in; none outside of calls."""
    known = CURRENT.get()
    return known.log_fields() if known is not None else {}


def merge(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: adds the fields that the line does not have itself."""
    for name, value in current().items():
        event.setdefault(name, value)
    return event
