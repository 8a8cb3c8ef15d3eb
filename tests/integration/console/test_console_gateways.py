"""The console of gateways that lack something: audit queries, a provider, or the gateway itself."""

from pathlib import Path

from tests.support.console import running_console
from tests.support.ports import free_address
from tests.support.stack import Gateway, Stack


async def test_gateway_without_audit_queries_names_the_setting_and_the_rest_works(
    running_stack: Stack, tmp_path: Path
) -> None:
    address = running_stack.gateway.address
    async with running_console(tmp_path, "--address", address) as console, console.entered() as session:
        for path in ("/audit", "/journal", "/audit/call?id=x"):
            text = await (await session.get(path)).text()
            assert "This gateway does not answer audit queries." in text
            assert "<code>query: {}</code> to the section <code>audit</code>" in text
        text = await (await session.get("/certificates")).text()
        assert "www.example.com" in text
        assert "Downloads are not shown: This gateway does not answer audit queries." in text
        assert "nhn-keys" in await (await session.get("/providers")).text()


async def test_certificates_of_other_providers_are_shown_if_one_fails(running_stack: Stack, tmp_path: Path) -> None:
    stack = running_stack
    rejected = stack.provider("nhn-certs", id="rejected", app_key="expired")
    async with (
        Gateway(stack.settings(stack.provider("nhn-certs"), rejected)) as gateway,
        running_console(tmp_path, "--address", gateway.address) as console,
        console.entered() as session,
    ):
        text = await (await session.get("/certificates")).text()
    assert "The certificates of <bdi>rejected</bdi> are missing" in text
    assert "PROVIDER_CREDENTIALS_REJECTED" in text
    assert "Check <code>app_key</code>" in text
    assert "www.example.com" in text


async def test_gateway_without_certificates_says_so(running_stack: Stack, tmp_path: Path) -> None:
    settings = running_stack.settings(running_stack.provider("nhn-keys"))
    async with (
        Gateway(settings) as gateway,
        running_console(tmp_path, "--address", gateway.address) as console,
        console.entered() as session,
    ):
        text = await (await session.get("/certificates")).text()
        assert "The providers of this gateway have no certificates, or you do not have permission to list them." in text


async def test_console_survives_a_restart_of_the_gateway(running_stack: Stack, tmp_path: Path) -> None:
    address = free_address()
    async with running_console(tmp_path, "--address", address) as console, console.entered() as session:
        assert "The console cannot connect" in await (await session.get("/providers")).text()
        async with Gateway(running_stack.settings(listen=address)):
            assert "nhn-keys" in await (await session.get("/providers")).text()
