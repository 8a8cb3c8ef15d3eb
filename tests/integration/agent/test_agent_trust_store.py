"""The trust bundle of the agent from a trust store of ASTERIA."""

import asyncio
import subprocess

import pytest
from cryptography import x509

from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.agent import DAYS, AgentFolder, RenewedCertificate, RunningAgent
from tests.support.asteria import store_name
from tests.support.authority import CertificateAuthority
from tests.support.programs import program
from tests.support.stack import Stack
from tests.support.waiting import eventually

STORE = store_name("server")
PASSWORD = "changeit"


@pytest.fixture
def stored(files: AgentFolder) -> AgentFolder:
    """An agent that writes the trust bundle in both formats."""
    (files.folder / "store.password").write_text(PASSWORD)
    files.certificate["outputs"] += [
        {"file": "trust.pem", "content": ["authorities"]},
        {"file": "trust.p12", "format": "pkcs12-trust-store", "password_file": "store.password"},
    ]
    files.certificate["trust_store"] = {"name": STORE, "certificates_file": "authorities.pem"}
    return files


async def add(stack: Stack, authority: CertificateAuthority) -> None:
    """Add an authority to the trust store."""
    request = certificates.ImportTrustedAuthorityRequest(parent=STORE, content=authority.pem)
    await stack.gateway.certificates.ImportTrustedAuthority(request)


async def test_trust_bundle_follows_the_trust_store(
    stack: Stack, stored: AgentFolder, renewed: RenewedCertificate
) -> None:
    first, second, unknown = (CertificateAuthority(name) for name in ("First CA", "Second CA", "Unknown CA"))
    (stored.folder / "authorities.pem").write_bytes(first.pem + second.pem)
    await add(stack, first)
    await add(stack, unknown)
    async with RunningAgent(stored) as agent:
        await agent.until_installed(renewed.issued[0])
        assert stored.file("trust.pem") == first.pem
        assert any("authorities.pem does not contain these authorities" in line for line in agent.log)
        await add(stack, second)

        async def has_both() -> bool:
            found = x509.load_pem_x509_certificates(stored.file("trust.pem"))
            return set(found) == {first.certificate, second.certificate}

        await eventually(has_both, 60.0, otherwise=lambda: "\n".join(agent.log[-20:]))
        issued = await renewed.renew(**DAYS)
        await agent.until_installed(issued)
        assert first.pem in stored.file("trust.pem")


async def test_keytool_reads_the_trust_store_file(
    stack: Stack, stored: AgentFolder, renewed: RenewedCertificate
) -> None:
    keytool = program("keytool")
    authority = CertificateAuthority("First CA")
    (stored.folder / "authorities.pem").write_bytes(authority.pem)
    await add(stack, authority)
    async with RunningAgent(stored) as agent:
        await agent.until_installed(renewed.issued[0])
    command = (keytool, "-list", "-rfc", "-keystore", stored.current / "trust.p12", "-storepass", PASSWORD)
    listed = await asyncio.to_thread(subprocess.check_output, command, text=True)
    assert authority.pem.decode().strip() in listed.replace("\r", "")


async def test_files_stay_while_the_trust_store_contains_no_authority_of_the_file(
    stack: Stack, stored: AgentFolder, renewed: RenewedCertificate
) -> None:
    authority = CertificateAuthority("First CA")
    (stored.folder / "authorities.pem").write_bytes(authority.pem)
    await add(stack, authority)
    async with RunningAgent(stored) as agent:
        await agent.until_installed(renewed.issued[0])
        (stored.folder / "authorities.pem").write_bytes(CertificateAuthority("Other CA").pem)
        expected = f"{stored.folder}/authorities.pem contains no authority of {STORE}"
        await agent.until(lambda found: any(each["message"] == expected for each in found["problems"]))
        (stored.folder / "authorities.pem").write_text("nothing")
        expected = f"{stored.folder}/authorities.pem: not a file of PEM certificates"
        await agent.until(lambda found: any(each["message"] == expected for each in found["problems"]))
        assert stored.file("trust.pem") == authority.pem
        (stored.folder / "authorities.pem").write_bytes(authority.pem)
        await agent.until(lambda found: not found["problems"])
