"""A gateway whose callers have bearer tokens: its configuration, and its process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import yaml

from tests.support.authority import AUDIENCE, ISSUER, CertificateAuthority, TokenIssuer
from tests.support.processes import Process

UNLIMITED: Final[Mapping[str, Any]] = {"caller": {"rate": 1_000_000, "burst": 1_000_000, "concurrency": 1_000_000}}
"""`limits` that no caller of a test reaches."""


class TokenGateway:
    """The files of a gateway with tokens over TLS, without providers.

    options: top-level values of the configuration.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self.authority = CertificateAuthority()
        self.issuer = TokenIssuer()
        self.authority.server().write(folder, "server")
        (folder / "jwks.json").write_bytes(self.issuer.jwks())
        (folder / "policies.cedar").write_text('@id("all")\npermit (principal, action, resource);\n')
        jwt = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": "jwks.json"}
        tree = {
            "listen": "localhost:0",
            "drain_delay": 0,
            "identity": {"certificate_file": "server.pem", "private_key_file": "server.key", "jwt": jwt},
            "policy": {"policy_files": ["policies.cedar"]},
            "audit": {"directory": "audit"},
            **options,
        }
        self.config = folder / "keyway.yaml"
        self.config.write_text(yaml.safe_dump(tree))


@dataclass(frozen=True)
class RunningTokenGateway:
    """The files of the gateway, its process, and the HOST:PORT that callers connect to."""

    files: TokenGateway
    process: Process
    address: str

    def channel(self) -> grpc.aio.Channel:
        """Return a channel that verifies the certificate of the listener."""
        return grpc.aio.secure_channel(self.address, grpc.ssl_channel_credentials(self.files.authority.pem))


@asynccontextmanager
async def running_token_gateway(folder: Path, **options: Any) -> AsyncIterator[RunningTokenGateway]:
    """Run the gateway. options: top-level values of the configuration."""
    files = TokenGateway(folder, **options)
    async with Process(folder, "serve", "--config", files.config) as process:
        yield RunningTokenGateway(files, process, await process.address())
