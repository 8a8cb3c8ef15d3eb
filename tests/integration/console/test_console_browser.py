"""The console in a real browser: other sites, hostile names, missing permissions, and its use by keyboard."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page
from yarl import URL

from keyway.v1 import audit_service_pb2 as service
from keyway.v1.audit_record_pb2 import AuditFilter
from tests.support.audit_queries import ALL_LOGS, FULL_AUDITOR
from tests.support.chromium import ConsolePage, chromium, console_page, session_cookies
from tests.support.console import RecordingBrowser, RunningConsole, running_console
from tests.support.console_scene import HOSTILE, LONG, REVERSED, ConsoleScene
from tests.support.programs import require_cjk_fonts
from tests.support.trusted import AUDITOR, UNAUTHORIZED
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("console")
NOTHING = ("--address", "127.0.0.1:1")
ATTACKER = """<!doctype html><title>attacker</title>
<form id="form" method="post" action="{console}/journal/verify"></form>
<iframe id="frame" src="{console}/certificates"></iframe>"""


@pytest.fixture
async def shown(browser: Browser, console: RunningConsole, cookies: Sequence[Any]) -> AsyncIterator[ConsolePage]:
    async with console_page(browser, console, cookies) as shown:
        yield shown


@pytest.fixture
async def attacker(console: RunningConsole) -> AsyncIterator[str]:
    """Yield the URL of a page of another site, on another port of this machine."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=ATTACKER.format(console=console.origin), content_type="text/html")

    application = web.Application()
    application.add_routes([web.get("/", page)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def text_of(page: Page) -> str:
    return await page.inner_text("body")


async def test_file_that_the_command_opens_ends_at_a_page_without_the_token(browser: Browser, tmp_path: Path) -> None:
    opened = RecordingBrowser(tmp_path)
    async with running_console(tmp_path, *NOTHING, browser=opened.command) as console:
        argument = await opened.arguments()
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(argument)
        await page.wait_for_url(f"{console.origin}/certificates")
        (cookie,) = await context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        assert await page.evaluate("document.cookie") == ""
        assert URL(console.link).query["token"] not in await page.evaluate("document.referrer + location.href")
        await page.go_back()
        assert URL(console.link).query["token"] not in page.url
        await context.close()


async def test_other_site_can_neither_read_nor_use_the_console(shown: ConsolePage, attacker: str) -> None:
    """The other port is the same site for cookies, so the browser sends the cookie of the session."""
    page = shown.page
    await page.goto(attacker)
    fetch = "url => fetch(url, {credentials: 'include'}).then(() => 'read', () => 'blocked')"
    assert await page.evaluate(fetch, f"{shown.origin}/audit") == "blocked"
    frame = await (await page.query_selector("#frame")).content_frame()  # type: ignore[union-attr]
    assert frame is not None
    assert "certificates" not in (await frame.content()).lower()
    async with page.expect_response(f"{shown.origin}/journal/verify") as response:
        await page.evaluate("document.getElementById('form').submit()")
    assert (await response.value).status == 403
    await page.wait_for_load_state()
    assert "another site" in await text_of(page)


async def test_dns_rebinding_is_rejected(console: RunningConsole, cookies: Sequence[Any]) -> None:
    async with chromium("--host-resolver-rules=MAP attacker.example 127.0.0.1") as rebound:
        context = await rebound.new_context()
        page = await context.new_page()
        for path in ("/certificates", f"/enter?token={URL(console.link).query['token']}"):
            response = await page.goto(f"http://attacker.example:{URL(console.link).port}{path}")
            assert response is not None
            assert response.status == 403
            assert "another host name" in await text_of(page)


async def test_hostile_names_are_text(shown: ConsolePage, scene: ConsoleScene) -> None:
    for path in (f"/audit/call?id={scene.calls['hostile']}", "/audit?since=1h&provider=nhn-certs"):
        await shown.open(path)
        text = await text_of(shown.page)
        assert HOSTILE in text
        assert REVERSED not in text
        assert r"evil\u202egnp.exe" in text
        assert await shown.page.locator("img, main script").count() == 0
    await shown.open(f"/certificates/show?name={HOSTILE}")
    await shown.open(f"/audit?caller={HOSTILE}&since={HOSTILE}&action={HOSTILE}")
    assert await shown.page.input_value("input[name=caller]") == HOSTILE
    assert "document.title" not in await shown.page.title()
    assert shown.problems == []


async def test_console_works_by_keyboard(shown: ConsolePage) -> None:
    page = shown.page
    focused = "document.activeElement.innerText || document.activeElement.getAttribute('name')"
    await shown.open("/certificates")
    await page.keyboard.press("Tab")
    assert await page.evaluate(focused) == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.keyboard.press("Tab")
    assert await page.evaluate(focused) == "Reload"
    outline: str = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    await page.focus("input[name=q]")
    await page.keyboard.type("shop")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/certificates?q=shop*")
    assert await page.locator("table.certificates tbody tr:not(.group)").count() == 1
    await page.focus("table.certificates a")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/certificates/show?**")
    assert await page.inner_text("h1") == "shop.example.com"


async def test_long_and_cjk_names_are_not_clipped(
    browser: Browser, console: RunningConsole, cookies: Sequence[Any]
) -> None:
    require_cjk_fonts()
    clipped = """() => [...document.querySelectorAll('bdi, code, dd, td, th, .badge, h1')].filter(each => {
        for (let above = each; above !== document.body; above = above.parentElement) {
            const style = getComputedStyle(above), hides = style.overflow !== 'visible' || style.clipPath !== 'none';
            if (above.classList.contains('hidden') || above.tagName === 'THEAD') return false;
            const [inner, outer] = [each.getBoundingClientRect(), above.getBoundingClientRect()];
            if (hides && (inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1)) return true;
        }
        return each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0;
    }).map(each => each.innerText)"""
    for width in (1280, 390, 320):
        async with console_page(browser, console, cookies, width=width) as shown:
            await shown.open("/certificates")
            text = await text_of(shown.page)
            for name in ("결제-서비스.운영.한국", "株式会社サイバートラスト", LONG):
                assert name in text
            assert await shown.page.evaluate(clipped) == []
            assert await shown.overflow() == 0


async def test_caller_without_audit_permission_sees_what_is_missing_and_the_denial_is_audited(
    browser: Browser, scene: ConsoleScene
) -> None:
    async with (
        scene.console(AUDITOR) as console,
        console_page(browser, console, await session_cookies(browser, console)) as shown,
    ):
        await shown.open("/certificates")
        text = await text_of(shown.page)
        assert "shop.example.com" in text
        assert "Downloads are not shown: You do not have the permission SummarizeAuditRecords." in text
        await shown.open("/audit")
        text = await text_of(shown.page)
        assert "You do not have the permission ListAuditRecords." in text
        assert "the action ListAuditRecords (group ReadAuditLogs) on at least one of auditLogs/…" in text
        await shown.open("/journal")
        assert "You do not have the permission GetJournalStatus." in await text_of(shown.page)
        await shown.page.click("text=Verify the journal")
        assert "You do not have the permission VerifyJournal." in await text_of(shown.page)
        await shown.open("/providers")
        assert "nhn-keys" in await text_of(shown.page)
        assert await shown.violations() == []
    await denied(scene, AUDITOR, "SummarizeAuditRecords", "ListAuditRecords", "GetJournalStatus")


async def test_caller_without_any_permission_sees_clear_messages(browser: Browser, scene: ConsoleScene) -> None:
    async with (
        scene.console(UNAUTHORIZED) as console,
        console_page(browser, console, await session_cookies(browser, console)) as shown,
    ):
        for path, action in (("/certificates", "ListCertificates"), ("/providers", "ListProviders")):
            await shown.open(path)
            assert f"You do not have the permission {action}." in await text_of(shown.page)
            assert "(group ReadMetadata)" in await text_of(shown.page)
    await denied(scene, UNAUTHORIZED, "ListProviders", "ListCertificates")


async def denied(scene: ConsoleScene, caller: str, *actions: str) -> None:
    """Wait until the audit log has a denial of each action for the caller. Raise AssertionError if it never has."""
    request = service.ListAuditRecordsRequest(parent=ALL_LOGS, filter=AuditFilter(caller=caller, denied=True))
    async with scene.trusted.caller(scene.address, FULL_AUDITOR) as auditor:

        async def listed() -> bool:
            records = (await auditor.audit.ListAuditRecords(request)).records
            return {record.action for record in records} >= set(actions)

        await eventually(listed)


async def test_search_leads_to_the_story_of_a_denied_call_and_to_its_verification(shown: ConsolePage) -> None:
    page = shown.page
    await shown.open("/audit")
    await page.check("input[name=denied]")
    await page.fill("input[name=action]", "GetSecret")
    await page.click("text=Search")
    await page.click("table.records a")
    text = await text_of(page)
    assert "GetSecret on providers/nhn-keys/secrets/demo-secret" in text
    assert "no policy permits it" in text
    assert "The gateway sent no request to an upstream." in text
    await page.click("text=Verify the journal")
    await page.wait_for_selector("text=The verified journal includes this record.", timeout=30_000)
    assert shown.problems == []


async def test_story_of_a_failed_call_shows_its_attempts_and_explains_the_reason(
    shown: ConsolePage, scene: ConsoleScene
) -> None:
    await shown.open(f"/audit/call?id={scene.calls['upstream']}")
    text = await text_of(shown.page)
    assert "no response" in text
    assert "PROVIDER_CONNECTION_LOST" in text
    assert "The connection broke after the request was sent." in text


async def test_failing_provider_shows_its_reason_and_leads_to_its_calls(shown: ConsolePage) -> None:
    page = shown.page
    card = page.locator("section.provider", has_text="asteria")

    async def is_reported() -> bool:
        """Return whether the worker that answers knows the failures, which another worker may have seen."""
        await shown.open("/providers")
        return await card.locator(".failures a").count() > 0

    await eventually(is_reported)
    assert "unreachable" in await card.inner_text()
    await card.locator(".failures a").click()
    assert "PROVIDER_CONNECTION_LOST" in await page.locator("table.records").inner_text()
    await shown.open("/providers")
    async with page.expect_response("**/providers/check") as response:
        await card.locator("text=Check now").click()
    assert (await response.value).status == 303
    await page.wait_for_load_state()
    shown_state = await card.inner_text()

    async def is_ready() -> bool:
        """Return whether the worker that answers knows the result, which another worker may have seen."""
        await shown.open("/providers")
        return await card.locator(".badge.good", has_text="ready").count() > 0

    await eventually(is_ready, otherwise=lambda: f"after the check: {shown_state}")


async def test_invalid_time_is_explained_at_the_form(shown: ConsolePage) -> None:
    await shown.open("/audit?since=tomorrow")
    assert "since: 'tomorrow' is not a valid time" in await shown.page.inner_text("[role=alert]")
    assert await shown.page.get_attribute("input[name=since]", "aria-invalid") == "true"
