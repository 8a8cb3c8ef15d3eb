"""What ends a start, in the words that a person reads, and the exit code that goes with it."""

from dataclasses import dataclass

from gateway.config.base import ConfigError
from gateway.journal.errors import JournalCorrupt


@dataclass(frozen=True, slots=True)
class Fault:
    """code: 1 failed while running, 2 wrong usage or configuration. lines: for standard error."""

    code: int
    lines: tuple[str, ...]


class StartFailed(Exception):
    """A worker did not come to serve."""

    def __init__(self, fault: Fault) -> None:
        super().__init__("; ".join(fault.lines))
        self.fault = fault


def fault_of(error: BaseException) -> Fault | None:
    """What is told of an error that is expected to happen; None for any other."""
    match error:
        case StartFailed():
            return error.fault
        case ConfigError():
            return Fault(2, tuple(str(error).splitlines()))
        case JournalCorrupt():
            return Fault(1, (f"the audit journal does not verify: {error}",))
        case OSError():
            parts = (error.filename, error.strerror or error)
            return Fault(1, (": ".join(str(part) for part in parts if part is not None),))
        case _:
            return None
