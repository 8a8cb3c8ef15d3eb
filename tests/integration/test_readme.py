"""What the README prints works as printed: its first calls, its program, its configuration."""

import asyncio
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from gateway import app
from gateway.contract import METHODS
from gateway.emulators.catalogue import EMULATOR_TYPES
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.stack import Gateway, Stack

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


async def example(name: str, **addresses: str) -> str:
    """What a program of the examples prints, run as it is but for the address of the gateway."""
    program = (ROOT / "clients/python/examples" / name).read_text(encoding="utf-8")
    for port, address in addresses.items():
        printed = f"127.0.0.1:{port.removeprefix('at_')}"
        assert printed in program
        program = program.replace(printed, address)
    return await run(sys.executable, "-c", program)


def test_the_printed_program_is_the_example() -> None:
    (program,) = blocks("python")
    assert (ROOT / "clients/python/examples/first_call.py").read_text(encoding="utf-8").endswith(program)


async def test_first_call(stack: Stack) -> None:
    assert await example("first_call.py", at_50051=stack.gateway.address) == "order 42 with version 2\n"


async def test_errors(stack: Stack) -> None:
    answer = await example("errors.py", at_50051=stack.gateway.address)
    assert answer.startswith("NOT_FOUND ")
    assert 'reason: "CERTIFICATE_NOT_FOUND"' in answer


async def test_two_gateways(stack: Stack) -> None:
    async with Gateway(stack.settings()) as other:
        answer = await example("two_gateways.py", at_50051=stack.gateway.address, at_50052=other.address)
    assert answer.splitlines()[0] == "providers/asteria asteria"


def test_configuration_for_the_emulators() -> None:
    settings = app.load_config(ROOT / "deploy/emulators.yaml")
    ports = {provider.type: int(provider.endpoint.rpartition(":")[2]) for provider in settings.providers}
    assert ports == {kind: emulated.port for kind, emulated in EMULATOR_TYPES.items()}


def named_resources() -> list[str]:
    """The names of the table of what there is to play with, written out."""
    table = README.partition("### What is there to play with")[2].partition("##")[0]
    names = re.findall(r"`([^`]+)`", table)
    certificates = [name for name in names if "example" in name or "인증서" in name]
    return [f"providers/nhn-certs/certificates/{name.rpartition('/')[2]}" for name in certificates]


async def test_demonstration_is_as_printed(stack: Stack) -> None:
    service = stack.gateway.certificates
    for name in named_resources():
        answer = await service.CheckCertificate(certificates.CheckCertificateRequest(name=name))
        assert answer.exists, name
    shown = certificates.GetCertificateRequest(
        name="providers/asteria/certificates/server", keystore_password="changeit"
    )
    assert (await service.GetCertificate(shown)).certificate.display_name == "server"
    secret = keys.GetSecretRequest(name="providers/nhn-keys/secrets/demo-secret")
    assert (await stack.gateway.keys.GetSecret(secret)).payload
    signed = keys.SignRequest(name="providers/nhn-keys/keys/demo-rsa", plaintext=b"x")
    assert (await stack.gateway.keys.Sign(signed)).signature


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
