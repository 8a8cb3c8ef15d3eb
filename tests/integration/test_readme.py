"""What the README prints works as printed: its first calls, its program, its configuration."""

import asyncio
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from gateway import app
from gateway.contract.methods import METHODS
from gateway.emulators.catalog import EMULATOR_TYPES
from gateway.gateway_settings import GatewaySettings
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.authority import CertificateAuthority
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
    path = ROOT / "clients/python/examples" / name
    program = path.read_text(encoding="utf-8")
    for port, address in addresses.items():
        printed = f"127.0.0.1:{port.removeprefix('at_')}"
        assert printed in program
        program = program.replace(printed, address)
    # Compiled apart, so that it may begin as it likes, and knows where it stands.
    told = f"__file__ = {str(path)!r}\nexec(compile({program!r}, __file__, 'exec'))"
    return await run(sys.executable, "-c", told)


def test_the_printed_program_is_the_example() -> None:
    (program,) = blocks("python")
    assert (ROOT / "clients/python/examples/first_call.py").read_text(encoding="utf-8").endswith(program)


async def test_first_call(stack: Stack) -> None:
    assert await example("first_call.py", at_50051=stack.gateway.address) == "order 42 with version 2\n"


async def test_errors(stack: Stack) -> None:
    answer = await example("errors.py", at_50051=stack.gateway.address)
    assert answer.startswith("NOT_FOUND CERTIFICATE_NOT_FOUND ")
    assert "quote: " in answer


async def test_pages(stack: Stack) -> None:
    answer = await example("pages.py", at_50051=stack.gateway.address)
    assert "providers/nhn-certs/certificates/인증서-예시\n" in answer
    assert answer.endswith("]\n")


async def test_seal(stack: Stack) -> None:
    answer = await example("seal.py", at_50051=stack.gateway.address)
    assert answer == "42,open\nthe envelope can't be opened\n"


PACKAGE = (ROOT / "clients/python/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["first_call", "errors", "pages", "seal"])
def test_the_package_prints_its_examples(name: str) -> None:
    program = (ROOT / f"clients/python/examples/{name}.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    assert f"```python\n{program}```" in PACKAGE


async def test_the_package_prints_a_test_that_passes(tmp_path: Path) -> None:
    *_, printed = re.findall(r"```python\n(.*?)```", PACKAGE, re.DOTALL)
    (tmp_path / "test_printed.py").write_text(printed)
    answer = await run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    assert "1 passed" in answer


async def test_two_gateways(stack: Stack) -> None:
    async with Gateway(stack.settings()) as other:
        answer = await example("two_gateways.py", at_50051=stack.gateway.address, at_50052=other.address)
    assert answer.splitlines()[0] == "providers/asteria asteria"


async def test_resilient(stack: Stack) -> None:
    assert await example("resilient.py", at_50051=stack.gateway.address) == "encrypted with version 2\n"


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
    shutil.copytree(ROOT / "deploy/policies", tmp_path / "policies")
    authority = CertificateAuthority()
    authority.server().write(tmp_path, "server")
    (tmp_path / "clients-ca.pem").write_bytes(authority.pem)
    path = tmp_path / "keyway.yaml"
    path.write_text(without_files)
    monkeypatch.setenv("COLLECTOR_TOKEN", "a-token")
    monkeypatch.setenv("NHN_CERT_APPKEY", "an-app-key")
    monkeypatch.setenv("WARP_PASSWORD", "a-password")
    settings = app.load_config(path)
    assert [provider.id for provider in settings.providers] == ["nhn-certs", "nhn-keys", "asteria"]
    sections = {name for name in GatewaySettings.model_fields if getattr(settings, name) is not None}
    assert sections == GatewaySettings.model_fields.keys()


async def test_callers_policy_and_record(stack: Stack, tmp_path: Path) -> None:
    """The section's commands in their order, but for the servers, which the test starts on ports that are free."""
    section = README.partition("## Callers, policy, record")[2].partition("\n## ")[0]
    first, second = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    (make_certificates,) = (line for line in first.splitlines() if line.startswith("deploy/"))
    await run("bash", "-ec", make_certificates.replace(".keyway", str(tmp_path)))
    tree = yaml.safe_load((ROOT / "deploy/trusted.yaml").read_text(encoding="utf-8"))
    for provider in tree["providers"]:
        provider["endpoint"] = stack.emulators[provider["type"]].url
    tree |= {"listen": "localhost:0", "health_listen": "127.0.0.1:0"}
    text = yaml.safe_dump(tree).replace("../.keyway", str(tmp_path)).replace("policies/", f"{ROOT}/deploy/policies/")
    config = tmp_path / "trusted.yaml"
    config.write_text(text)
    async with Gateway(app.load_config(config)) as gateway:
        script = second.replace(".keyway", str(tmp_path)).replace("localhost:50051", gateway.address)
        script = script.replace("deploy/trusted.yaml", str(config))
        *calls, tail, verify, explain = script.splitlines()
        orders, auditor = (line for line in calls if line.startswith("as "))
        assert '"ciphertext"' in await run("bash", "-ec", "\n".join([calls[0], orders]))
        assert "permission_denied" in await run("bash", "-ec", "\n".join([calls[0], f"! {auditor} 2>&1"]))
        record = await run("bash", "-ec", tail)
    assert "spiffe://example.org/auditor" in record
    assert "PERMISSION_DENIED" in record
    assert "verified" in await run("bash", "-ec", verify)
    assert "allow" in (await run("bash", "-ec", explain)).lower()


def test_every_method_is_in_the_tables() -> None:
    for method in METHODS:
        assert re.search(rf"\b{method.name}\b", README), method.full_name
