"""The upstream that a request goes to, as spans and metrics tell it."""

from typing import NamedTuple
from urllib.parse import urlsplit


class Peer(NamedTuple):
    """One provider's server."""

    provider: str
    address: str
    port: int

    @classmethod
    def of(cls, provider: str, endpoint: str) -> "Peer":
        """The server at the endpoint of a provider."""
        parts = urlsplit(endpoint)
        return cls(provider, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
