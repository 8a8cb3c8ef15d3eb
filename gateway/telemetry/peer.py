"""The address of an upstream in spans and metrics."""

from typing import NamedTuple
from urllib.parse import urlsplit


class UpstreamPeer(NamedTuple):
    """The server of one provider."""

    provider: str
    address: str
    port: int

    @classmethod
    def of(cls, provider: str, endpoint: str) -> "UpstreamPeer":
        """Return the server at the endpoint of a provider."""
        parts = urlsplit(endpoint)
        return cls(provider, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
