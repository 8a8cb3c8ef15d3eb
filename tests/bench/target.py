"""The target of a load: an address and the request that is repeated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """One request.

    path: with its leading slash; for gRPC `/package.Service/Method`. body: for gRPC, the message without its frame.
    answer: the expected response message; None if it differs between calls. headers: of the caller. authority: the CA
    file to verify the server with, if it uses TLS. client: certificate and key of the caller; not all generators
    support them.
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
        """The complete URL."""
        return f"{'http' if self.authority is None else 'https'}://127.0.0.1:{self.port}{self.path}"
