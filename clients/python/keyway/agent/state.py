"""What the agent remembers across restarts: unfinished installations, found versions, and failures. No secrets."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from keyway.new_files import new_file

_FILE: Final = "state.json"


@dataclass(slots=True)
class Unfinished:
    """An installation that began. candidate, previous: names of versions."""

    candidate: str
    previous: str | None


@dataclass(slots=True)
class Found:
    """A version that the gateway delivers and that is not installed. Times are in seconds since 1970."""

    version: str
    since: float
    due: float


@dataclass(slots=True)
class Failure:
    """A problem. reason: one of `reasons.FailureReason`. version: of the certificate that was not installed, or empty.

    since: of the first attempt, retry: of the next attempt, in seconds since 1970.
    """

    reason: str
    message: str
    since: float
    attempts: int
    retry: float
    version: str = ""

    def wait(self, now: float, longest: float) -> float:
        """Return the seconds until the next attempt. longest: the longest possible pause between two attempts.

        A longer time means that the clock was set back after the failure. The next attempt is then immediate.
        """
        left = self.retry - now
        return left if 0 < left <= longest else 0.0


@dataclass(slots=True)
class CertificateState:
    """The state of one certificate. refresh: a failure to read the gateway. install: a failure to install.

    checked: the last time that the gateway was read, in seconds since 1970.
    """

    unfinished: Unfinished | None = None
    found: Found | None = None
    refresh: Failure | None = None
    install: Failure | None = None
    checked: float | None = None
    installations: dict[str, int] = field(default_factory=dict)


_PARTS: Final[Mapping[str, Any]] = {
    "unfinished": Unfinished, "found": Found, "refresh": Failure, "install": Failure,
}  # fmt: skip


class StateFile:
    """The states of all certificates, in one file that is replaced as a whole."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE
        self._states = _read(self._path)

    def of(self, name: str) -> CertificateState:
        """Return the state of a certificate, for changes. `save` writes it."""
        return self._states.setdefault(name, CertificateState())

    def keep_only(self, names: set[str]) -> None:
        """Forget the certificates that are no longer configured."""
        self._states = {name: state for name, state in self._states.items() if name in names}

    def save(self) -> None:
        """Write the file. Raises OSError."""
        tree = {name: asdict(state) for name, state in self._states.items()}
        with new_file(self._path, force=True, private=True) as file:
            file.write(json.dumps(tree).encode())


def _read(path: Path) -> dict[str, CertificateState]:
    """Return the states in a file. A damaged file is empty: the directories state what is installed."""
    try:
        tree = json.loads(path.read_bytes())
        return {name: _state(value) for name, value in tree.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        os.replace(path, path.with_suffix(".damaged"))
        return {}


def _state(value: Mapping[str, Any]) -> CertificateState:
    parts = {name: kind(**value[name]) for name, kind in _PARTS.items() if value.get(name)}
    return CertificateState(**parts, checked=value.get("checked"), installations=dict(value.get("installations") or {}))
