"""Access control of the console: which requests of a browser are accepted.

A page of any website can send requests to a port of this machine. The console therefore accepts a request only if its
`Host` is this server (against DNS rebinding), its origin is not another site (against cross-site requests), and it has
the session cookie. The console issues the cookie once, in exchange for the token in the link that the command opens.
"""

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from multidict import CIMultiDictProxy

NAMES: Final = ("127.0.0.1", "localhost")
_OWN_SITE: Final = ("same-origin", "none")
"""The values of `Sec-Fetch-Site` for requests of the console's own pages, and of the user."""


class AccessDenied(Exception):
    """A rejected request. The message is a sentence for the user."""


class Access:
    """The token and the session. port: the port of the server. used: event that each request of the session sets."""

    def __init__(self, port: int) -> None:
        self.token: Final = secrets.token_urlsafe(32)
        # Cookies do not depend on the port. With the port in its name, two consoles keep separate cookies.
        self.cookie: Final = f"keyway-console-{port}"
        self._hosts: Final = frozenset(f"{name}:{port}" for name in NAMES)
        self._session = ""
        self.used = asyncio.Event()

    def check_source(self, method: str, headers: CIMultiDictProxy[str], *, entry: bool) -> None:
        """Raise AccessDenied for a request to another host name, or from another site.

        entry: whether the request opens the link with the token, which other sites and programs are permitted to open.
        """
        hosts = headers.getall("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise AccessDenied(f"The request is for another host name. Open the console as {min(self._hosts)}.")
        origins = headers.getall("Origin", [])
        if any(origin != f"http://{hosts[0].lower()}" for origin in origins) or (method == "POST" and not origins):
            raise AccessDenied("The request comes from another site.")
        if not entry and headers.get("Sec-Fetch-Site", "none") not in _OWN_SITE:
            raise AccessDenied("Another site opened this page. To open it, enter its address in the address bar.")

    def exchange(self, token: str) -> str:
        """Return the value of the cookie for the token. Raises AccessDenied if the token is wrong or was used."""
        if self._session or not _equal(token, self.token):
            raise AccessDenied(
                "The link is not valid. Each link works only once. To get a new link, start keyway console again. "
                "If you did not open the link before, another program on this machine opened it."
            )
        self._session = secrets.token_urlsafe(32)
        self.used.set()
        return self._session

    def check_session(self, cookies: Mapping[str, str]) -> None:
        """Raise AccessDenied for a request without the cookie of the session. Otherwise, the session is in use."""
        given = cookies.get(self.cookie, "")
        if not self._session or not _equal(given, self._session):
            raise AccessDenied(
                "There is no session in this browser. Open the link that keyway console printed, or start it again."
            )
        self.used.set()


def _equal(given: str, expected: str) -> bool:
    """Compare in constant time. A request can contain bytes that are not UTF-8."""
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode())
