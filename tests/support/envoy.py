"""The configuration in deploy/envoy, with the files and ports of a test, and a running Envoy."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.processes import Server
from tests.support.authority import AUDIENCE, ISSUER
from tests.support.ports import free_port

PORT: Final = 50051
"""The port in the shipped configuration."""
_SHIPPED: Final = Path(__file__).parents[2] / "deploy/envoy/envoy.yaml"
_EXAMPLE_ISSUER: Final = "https://issuer.example.org"
_EXAMPLE_AUDIENCES: Final = "[keyway]"


@dataclass(frozen=True)
class ProxyFiles:
    """Files that replace those below /run/keyway."""

    certificate: Path
    private_key: Path
    authority: Path
    jwks: Path


def _write_config(folder: Path, files: ProxyFiles, gateway_port: int, port: int) -> Path:
    """Write the configuration for a gateway on this machine. port: of Envoy."""
    text = _SHIPPED.read_text()
    replaced = {
        "/run/keyway/server.pem": str(files.certificate),
        "/run/keyway/server.key": str(files.private_key),
        "/run/keyway/ca.pem": str(files.authority),
        "/run/keyway/jwks.json": str(files.jwks),
        _EXAMPLE_ISSUER: ISSUER,
        f"audiences: {_EXAMPLE_AUDIENCES}": f"audiences: [{AUDIENCE}]",
        f"address: 0.0.0.0, port_value: {PORT}": f"address: 127.0.0.1, port_value: {port}",
        "port_value: 50052": f"port_value: {gateway_port}",
        "port_value: 9901": "port_value: 0",
    }
    for shipped, own in replaced.items():
        assert shipped in text, f"{shipped} is not in {_SHIPPED}"
        text = text.replace(shipped, own)
    path = folder / "envoy.yaml"
    path.write_text(text)
    return path


@contextlib.contextmanager
def running(
    program: Path, folder: Path, files: ProxyFiles, gateway_port: int, *, port: int | None = None
) -> Iterator[Server]:
    """Run Envoy in front of a gateway on this machine. port: of Envoy; by default a free one."""
    port = port or free_port()
    config = _write_config(folder, files, gateway_port, port)
    own: list[Any] = ["--concurrency", 1, "--disable-hot-restart", "--log-level", "warning"]
    with Server([program, "-c", config, *own], port, folder / "envoy.log") as server:
        yield server
