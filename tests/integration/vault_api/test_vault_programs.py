"""Unmodified programs of others use the API, with the configurations that the page prints."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.bench.processes import Server
from tests.support.authority import CertificateAuthority
from tests.support.certificate_manager import register
from tests.support.ports import free_port
from tests.support.programs import program
from tests.support.stack import CERTIFICATE_MANAGER, Stack
from tests.support.trusted import DOMAIN
from tests.support.vault_api import APP, WEB, VaultScene
from tests.support.vault_programs import (
    of_scene,
    openbao_call,
    printed,
    require_library,
    run_program,
    run_python,
    vault_program,
)
from tests.support.waiting import eventually

HASHICORP = "github.com/hashicorp/vault/api"
OPENBAO = f"{DOMAIN}/openbao"
SECONDS = 60.0


@pytest.fixture
async def scene(stack: Stack, tmp_path: Path) -> AsyncIterator[VaultScene]:
    scene = VaultScene(tmp_path, stack)
    async with scene.served():
        yield scene


@contextlib.asynccontextmanager
async def openbao(bao: Path, configuration: Path, port: int) -> AsyncIterator[None]:
    """Run a server. Its start and end are in a thread, because they need the gateway in this process."""
    log = configuration.with_suffix(".log")
    server = Server([bao, "server", f"-config={configuration}"], port, log, folder=configuration.parent)
    await asyncio.to_thread(server.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


async def seal_state(port: int) -> Any:
    with contextlib.suppress(aiohttp.ClientError):
        return await openbao_call(port, "GET", "sys/seal-status")
    return {}


async def test_openbao_unseals_itself_after_a_restart(stack: Stack, tmp_path: Path) -> None:
    bao = vault_program("bao")
    scene = VaultScene(tmp_path, stack, mtls=True)
    with (tmp_path / "policies.cedar").open("a") as policies:
        policies.write(printed("cedar", "openbao", {}))
    scene.trusted.authority.issue(uris=[OPENBAO]).write(tmp_path, "openbao")
    (tmp_path / "data").mkdir()
    port, cluster_port = free_port(), free_port()
    configuration = tmp_path / "openbao.hcl"
    files = {
        "/var/lib/openbao": str(tmp_path / "data"),
        ":8200": f":{port}",
        ":8201": f":{cluster_port}",
        "/etc/keyway/openbao": str(tmp_path / "openbao"),
    }
    configuration.write_text(printed("hcl", "storage", {**files, **of_scene(scene)}))
    async with scene.served():
        async with openbao(bao, configuration, port):
            made = await openbao_call(port, "PUT", "sys/init", {"recovery_shares": 1, "recovery_threshold": 1})
            assert made["root_token"]
            await eventually(lambda: is_unsealed(port), SECONDS)
        decrypted = len(scene.outcomes("Decrypt"))
        async with openbao(bao, configuration, port):
            await eventually(lambda: is_unsealed(port), SECONDS)
    assert len(scene.outcomes("Decrypt")) > decrypted
    assert {each["actor"]["user"]["uid"] for each in scene.outcomes("Encrypt")} == {OPENBAO}
    assert {each["status_code"] for each in scene.outcomes("Decrypt")} == {"OK"}


async def is_unsealed(port: int) -> bool:
    state = await seal_state(port)
    return state.get("initialized") is True and state.get("sealed") is False


async def test_sops_encrypts_edits_and_decrypts_a_file(scene: VaultScene, tmp_path: Path) -> None:
    sops = vault_program("sops")
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / ".sops.yaml").write_text(printed("yaml", "hc_vault_transit_uri", {"localhost:8300": scene.address}))
    (folder / "secrets.yaml").write_text("password: hunter2\n")
    editor = folder / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i "s/hunter2/hunter3/" "$1"\n')
    editor.chmod(0o755)
    environment = {
        "VAULT_CACERT": str(scene.authority_file),
        "VAULT_TOKEN": scene.token(),
        "EDITOR": str(editor),
        "SOPS_EDITOR": str(editor),
    }
    for command in printed("sh", "sops encrypt", {}).splitlines():
        if command.startswith("sops "):
            words = command.split()[1:]
            output = await run_program(sops, *words, folder=folder, environment=environment)
    stored = (folder / "secrets.yaml").read_text()
    assert output == "password: hunter3\n"
    assert "hunter" not in stored
    assert "vault:v2:" in stored
    assert {each["unmapped"]["surface"]["name"] for each in scene.outcomes("Encrypt")} == {"vault"}


async def test_agent_writes_a_certificate_with_its_key_and_renews_it(
    scene: VaultScene, stack: Stack, tmp_path: Path
) -> None:
    bao = vault_program("bao")
    authority = CertificateAuthority("Issuer of the web server")
    token, target = tmp_path / "token", tmp_path / "www.pem"
    token.write_text(scene.token(WEB))
    replaced = {
        **of_scene(scene),
        "/run/keyway/token": str(token),
        "/etc/nginx/tls/www.pem": str(target),
        '"1m"': '"1s"',
        "www.example.com": "vault-agent",
    }
    configuration = tmp_path / "agent.hcl"
    configuration.write_text(printed("hcl", "auto_auth", replaced))

    async def renew() -> str:
        leaf = authority.issue(hosts=["vault-agent.example.com"])
        file = leaf.chain_pem + authority.pem + leaf.key_pem
        await register(stack.controls[CERTIFICATE_MANAGER], "vault-agent", file)
        return f"{x509.load_pem_x509_certificate(leaf.chain_pem).serial_number:x}"

    async def written(serial: str) -> bool:
        if not target.exists() or not (text := target.read_bytes()):
            return False
        leaf = x509.load_pem_x509_certificate(text)
        assert load_pem_private_key(text[text.index(b"-----BEGIN PRIVATE") :], None).public_key() == leaf.public_key()
        return f"{leaf.serial_number:x}" == serial

    first = await renew()
    with (tmp_path / "agent.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            bao, "agent", f"-config={configuration}", cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        await eventually(lambda: written(first), SECONDS, otherwise=(tmp_path / "agent.log").read_text)
        second = await renew()
        await eventually(lambda: written(second), SECONDS, otherwise=(tmp_path / "agent.log").read_text)
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    assert target.stat().st_mode & 0o777 == 0o600


async def test_hvac_uses_transit_and_reads_values(scene: VaultScene, tmp_path: Path) -> None:
    require_library("hvac")
    script = printed("python", "hvac", of_scene(scene))
    output = await run_python(script, folder=tmp_path, environment={"VAULT_TOKEN": scene.token(APP)})
    assert output == "aGVsbG8=\nhello from the secure key manager\n"


@pytest.mark.timeout(600)  # downloads and compiles the libraries
async def test_go_libraries_use_transit_and_read_values(scene: VaultScene, tmp_path: Path) -> None:
    compiler = program("go")
    folder = tmp_path / "go"
    shutil.copytree(Path(__file__).parent / "go", folder)
    text = printed("go", HASHICORP, {})
    for name, library in (("vault", HASHICORP), ("openbao", "github.com/openbao/openbao/api/v2")):
        (folder / name).mkdir()
        (folder / name / "main.go").write_text(text.replace(HASHICORP, library))
    shared = {name: os.environ[name] for name in ("GOPATH", "GOCACHE", "GOPROXY", "GOFLAGS") if name in os.environ}
    home = {"HOME": os.environ["HOME"], **shared}
    await run_program(compiler, "build", "-mod=readonly", "-o", "bin/", "./...", folder=folder, environment=home)
    environment = {
        "VAULT_ADDR": scene.url,
        "VAULT_CACERT": str(scene.authority_file),
        "VAULT_TOKEN": scene.token(APP),
    }
    for name in ("vault", "openbao"):
        output = await run_program(folder / "bin" / name, folder=folder, environment=environment)
        assert output == "aGVsbG8=\nhello from the secure key manager\n"
