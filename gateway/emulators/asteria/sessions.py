"""Logins and sessions: password verifiers and the sessions of `X-As-SessionId`. routes.py checks roles."""

import hashlib
import hmac
import os
import secrets

from gateway.emulators.asteria.state import AsteriaState, Role, StoredSession, User
from gateway.emulators.base import Clock

_SALT_BYTES = 16
_SESSION_BYTES = 16
# Fast on purpose, as in sealing.py.
_SCRYPT_COST = 2**10


def make_user(name: str, password: str, role: Role) -> User:
    """Return a user with a verifier instead of the password."""
    salt = os.urandom(_SALT_BYTES)
    return User(name, salt, _verifier(password, salt), role)


class Sessions:
    """Logins and sessions, with expiry by the emulator's clock."""

    def __init__(self, state: AsteriaState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def log_in(self, name: str, password: str, lifetime_seconds: int) -> StoredSession | None:
        """Return a new session, or None for a wrong name or password."""
        user = self._state.user(name)
        if user is None or not hmac.compare_digest(_verifier(password, user.salt), user.verifier):
            return None
        now = self._clock.now().timestamp()
        # The format of the document's samples: 32 upper-case hexadecimal digits.
        session_id = secrets.token_hex(_SESSION_BYTES).upper()
        session = StoredSession(session_id, user.name, user.role, lifetime_seconds, now + lifetime_seconds)
        self._state.add_session(session, now=now)
        return session

    def live(self, session_id: str | None) -> StoredSession | None:
        """Return the session, if it has not expired. Each use extends it (assumed)."""
        if not session_id:
            return None
        return self._state.renew_session(session_id, now=self._clock.now().timestamp())

    def log_out(self, session_id: str) -> None:
        """End a session."""
        self._state.end_session(session_id)


def _verifier(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=_SCRYPT_COST, r=8, p=1)
