"""Where load is sent: an address and the one request that is repeated there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """One request.

    path: with its leading slash; for gRPC `/package.Service/Method`. body: of gRPC the message, without its frame.
    answer: the message that a good call is answered with; None where it differs from call to call. headers: those of
    the caller. authority: the CA file by which the server is verified, where it speaks TLS. client: certificate and key
    of the caller, which only some generators can show.
    """

    port: int
    path: str
    body: bytes
    grpc: bool
    answer: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    authority: Path | None = None
    client: tuple[Path, Path] | None = None

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{'http' if self.authority is None else 'https'}://127.0.0.1:{self.port}{self.path}"
