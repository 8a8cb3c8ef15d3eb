"""Packages that a process loads only if its configuration or command uses them: they cost CPU time and memory."""

import subprocess
import sys

import pytest

_SERVING = ("aiohttp", "cedarpy", "cryptography.x509", "jwt", "opentelemetry.sdk", "prometheus_client", "sqlite3")
_HEALTH = (*_SERVING, "cryptography", "pydantic", "structlog", "yaml")
_VERSION = (*_HEALTH, "asyncio", "grpc", "uvloop")


def _loaded(statement: str) -> set[str]:
    """The modules of a new process after a statement."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unused"),
    [
        ("import gateway.cli.serving, gateway.workers.__main__", _SERVING),
        ("import gateway.cli.program, gateway.cli.health", _HEALTH),
        ("import gateway.cli.program", _VERSION),
    ],
    ids=["serve", "health", "version"],
)
def test_optional_packages_are_not_loaded_at_start(statement: str, unused: tuple[str, ...]) -> None:
    assert _loaded(statement).isdisjoint(unused)
