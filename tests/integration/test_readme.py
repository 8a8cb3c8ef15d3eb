"""What the README prints works as printed: its first calls, its program, its configuration."""

import asyncio
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from gateway import app
from gateway.server.contract import METHODS
from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "127.0.0.1:50051"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


async def run(*command: str) -> str:
    """The command's standard output; the test fails with what it said where it did not end well."""
    environment = os.environ | {"PATH": f"{Path(sys.prefix, 'bin')}:{os.environ['PATH']}"}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


CALLS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith(".venv/bin/buf curl")]


@pytest.mark.parametrize("line", CALLS, ids=[line.rsplit("/", 1)[-1] for line in CALLS])
async def test_first_calls(stack: Stack, line: str) -> None:
    _, *arguments = shlex.split(line.replace(ADDRESS, stack.gateway.address))
    answer = await run("buf", *arguments)
    wanted = {"ListCertificates": '"certificates"', "Encrypt": '"ciphertext"', "CheckProvider": "PROVIDER_STATE_READY"}
    assert wanted[line.rsplit("/", 1)[-1]] in answer


def test_there_are_three_first_calls() -> None:
    assert len(CALLS) == 3


async def test_python_program(stack: Stack) -> None:
    (program,) = blocks("python")
    assert ADDRESS in program
    answer = await run(sys.executable, "-c", program.replace(ADDRESS, stack.gateway.address))
    assert answer == "order 42 with version 2\n"


def test_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks("yaml")
    secret = tmp_path / "skm-appkey"
    secret.write_text("an-app-key\n")
    without_files = re.sub(r"(?m)^ +client_certificate:.*$", "", example).replace(
        "/run/secrets/skm-appkey", str(secret)
    )
    path = tmp_path / "keyway.yaml"
    path.write_text(without_files)
    monkeypatch.setenv("NHN_CERT_APPKEY", "an-app-key")
    monkeypatch.setenv("WARP_PASSWORD", "a-password")
    settings = app.load_config(path)
    assert [provider.id for provider in settings.providers] == ["nhn-certs", "nhn-keys", "asteria"]


def test_every_method_is_in_the_tables() -> None:
    for method in METHODS:
        assert re.search(rf"\b{method.name}\b", README), method.full_name
