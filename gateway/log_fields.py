"""Fields that identify the current call in log lines. They are computed only when a line is logged."""

from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, Protocol


class LoggedCall(Protocol):
    """A call that log lines can refer to."""

    def log_fields(self) -> Mapping[str, str]:
        """Return the method and the IDs of the call."""


CURRENT: Final[ContextVar[LoggedCall | None]] = ContextVar("current_call", default=None)
"""The call of the current task. It is set once in the task of each call."""


def current() -> Mapping[str, str]:
    """Return the fields of the current call; none outside of calls."""
    call = CURRENT.get()
    return call.log_fields() if call is not None else {}


def merge(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the fields that the line does not have itself; a processor for structlog."""
    for name, value in current().items():
        event.setdefault(name, value)
    return event
