"""Errors that end a start, with the messages for the user and the exit code."""

from dataclasses import dataclass

from gateway.config.base import ConfigError
from gateway.journal.errors import JournalCorrupt


@dataclass(frozen=True, slots=True)
class StartError:
    """The result of a failed start. code: 1 runtime error, 2 invalid configuration. lines: for standard error."""

    code: int
    lines: tuple[str, ...]


class StartFailed(Exception):
    """A worker ended or failed before it served."""

    def __init__(self, error: StartError) -> None:
        super().__init__("; ".join(error.lines))
        self.error = error


def start_error_of(error: BaseException) -> StartError | None:
    """Return the messages and exit code of an expected error; None for any other."""
    match error:
        case StartFailed():
            return error.error
        case ConfigError():
            return StartError(2, tuple(str(error).splitlines()))
        case JournalCorrupt():
            return StartError(1, (f"audit journal verification failed: {error}",))
        case OSError():
            parts = (error.filename, error.strerror or error)
            return StartError(1, (": ".join(str(part) for part in parts if part is not None),))
        case _:
            return None
