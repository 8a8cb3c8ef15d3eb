"""The commands, programs, and names in README.md and the getting-started pages work as printed."""

import re
import shlex
from pathlib import Path

import pytest

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.docs import ADDRESS, ROOT, blocks, example, page, run
from tests.support.stack import Gateway, Stack
from tests.support.waiting import eventually

PAGE = "docs/getting-started.md"
TRANSLATIONS = ("docs/ko/getting-started.md", "docs/ja/getting-started.md")


def commands(name: str, program: str) -> list[str]:
    """Return the lines of a page's shell blocks that run a program of the environment."""
    lines = [line for block in blocks(name, "sh") for line in block.splitlines()]
    return [line for line in lines if f".venv/bin/{program} " in line]


BUF_CALLS = commands(PAGE, "buf")
EXPECTED = {"ListCertificates": '"certificates"', "Encrypt": '"ciphertext"', "CheckProvider": "PROVIDER_STATE_READY"}


@pytest.mark.parametrize("line", BUF_CALLS, ids=[line.rsplit("/", 1)[-1] for line in BUF_CALLS])
async def test_printed_buf_call_succeeds(stack: Stack, line: str) -> None:
    _, *arguments = shlex.split(line.replace(ADDRESS, stack.gateway.address))
    assert EXPECTED[line.rsplit("/", 1)[-1]] in await run("buf", *arguments)


def test_page_has_one_buf_call_per_service() -> None:
    assert {line.rsplit("/", 1)[-1] for line in BUF_CALLS} == EXPECTED.keys()


KEYWAY_CALLS = [*commands(PAGE, "keyway"), *commands("README.md", "keyway")]
AUDIT_CALLS = [line for line in KEYWAY_CALLS if " audit " in line]


async def keyway(address: str, line: str) -> str:
    """Run a printed command against a gateway, and return its output."""
    return await run("sh", "-ec", f"export KEYWAY_ADDRESS={address}; {line.replace('.venv/bin/', '')}")


@pytest.mark.parametrize("line", [line for line in KEYWAY_CALLS if line not in AUDIT_CALLS])
async def test_printed_keyway_command_succeeds(stack: Stack, line: str) -> None:
    assert await keyway(stack.gateway.address, line)


async def test_printed_audit_command_lists_the_calls(stack: Stack, tmp_path: Path) -> None:
    (line,) = AUDIT_CALLS
    async with Gateway(stack.settings(audit={"directory": tmp_path / "audit", "query": {}})) as gateway:
        await keyway(gateway.address, KEYWAY_CALLS[0])

        async def is_listed() -> bool:
            # The exit code is 1 while the gateway builds its index.
            return "  ListCertificates  " in await keyway(gateway.address, f"{line} || test $? = 1")

        await eventually(is_listed)


@pytest.mark.parametrize("name", ["README.md", PAGE, *TRANSLATIONS])
def test_printed_python_program_is_the_example(name: str) -> None:
    (program,) = blocks(name, "python")
    assert page("clients/python/examples/first_call.py").endswith(program)


@pytest.mark.parametrize("name", TRANSLATIONS)
def test_translations_have_the_same_code_blocks(name: str) -> None:
    def all_blocks(path: str) -> list[str]:
        return re.findall(r"^```.*?^```$", page(path), re.DOTALL | re.MULTILINE)

    assert all_blocks(name) == all_blocks(PAGE)


@pytest.mark.parametrize("name", TRANSLATIONS)
def test_translations_name_the_same_resources(name: str) -> None:
    def resources(path: str) -> list[str]:
        table = [line for line in page(path).splitlines() if line.startswith("| `providers/")]
        return re.findall(r"`([^`]+)`", "\n".join(table))

    assert resources(name) == resources(PAGE)


async def test_first_call_prints_the_documented_line(stack: Stack) -> None:
    assert await example("first_call.py", at_50051=stack.gateway.address) == "order 42 with version 2\n"
    assert "`order 42 with version 2`" in page(PAGE)


def demo_certificates() -> list[str]:
    """Return the full names of the certificates of Certificate Manager that the demo table lists."""
    rows = [line for line in page(PAGE).splitlines() if line.startswith("| `providers/nhn-certs/")]
    names = [name for name in re.findall(r"`([^`]+)`", "\n".join(rows)) if "example" in name or "인증서" in name]
    return [f"providers/nhn-certs/certificates/{name.rpartition('/')[2]}" for name in names]


async def test_demo_contains_the_documented_resources(stack: Stack) -> None:
    service = stack.gateway.certificates
    names = demo_certificates()
    assert len(names) == 11
    for name in names:
        response = await service.CheckCertificate(certificates.CheckCertificateRequest(name=name))
        assert response.exists, name
    server = certificates.GetCertificateRequest(
        name="providers/asteria/certificates/server", keystore_password="changeit"
    )
    assert (await service.GetCertificate(server)).certificate.display_name == "server"
    secret = keys.GetSecretRequest(name="providers/nhn-keys/secrets/demo-secret")
    assert (await stack.gateway.keys.GetSecret(secret)).payload
    sign = keys.SignRequest(name="providers/nhn-keys/keys/demo-rsa", plaintext=b"x")
    assert (await stack.gateway.keys.Sign(sign)).signature


def test_readme_has_at_most_200_lines() -> None:
    assert len(page("README.md").splitlines()) <= 200


def test_license_is_apache_2() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
