"""The recent changes of the watched certificates of one provider. A resume token selects the changes since then."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from gateway.watch.states import CertificateState, ResumeToken

MAXIMUM_CHANGES: Final = 4096

States = Mapping[str, CertificateState]
"""The states of certificates by name."""


class ChangeHistory:
    """The last changes, at most MAXIMUM_CHANGES."""

    def __init__(self) -> None:
        self._changes: deque[tuple[str, CertificateState | None, CertificateState | None]] = deque(
            maxlen=MAXIMUM_CHANGES
        )

    def add(self, name: str, old: CertificateState | None, new: CertificateState | None) -> None:
        """Add a change. None: the state was not known, or is no longer known."""
        self._changes.append((name, old, new))

    def rewind(self, current: States, token: str, includes: Callable[[str], bool]) -> States | None:
        """Return the states that a reader with this token knows; None if the token is not that of a recent state.

        current: the states of the reader's certificates now. includes: whether a reader watches a certificate.
        """
        states, sought = dict(current), ResumeToken()
        for name, state in states.items():
            sought.replace(name, None, state)
        if str(sought) == token:
            return states
        for name, old, new in reversed(self._changes):
            if not includes(name):
                continue
            if states.get(name) != new:
                return None  # the certificate was not watched for a while, so changes are missing
            sought.replace(name, new, old)
            if old is None:
                states.pop(name, None)
            else:
                states[name] = old
            if str(sought) == token:
                return states
        return None
