"""A real browser: Chromium of Debian, driven by Playwright. It reports what the pages of the console do wrong."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.support.console import RunningConsole
from tests.support.programs import program

PROGRAM: Final = "chromium-headless-shell"
WIDTHS: Final = (1280, 390)
SCHEMES: Final = ("light", "dark")
_AXE: Final = "axe_playwright_python"
_RULES: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@contextlib.asynccontextmanager
async def chromium(*options: str) -> AsyncIterator[Browser]:
    """Yield the browser. Skip the test where it is not installed. options: of the program."""
    path = program(PROGRAM)
    async with async_playwright() as playwright:
        # The sandbox of Chromium does not start as root, and tests in containers run as root.
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *options])
        try:
            yield browser
        finally:
            await browser.close()


class ConsolePage:
    """A page with the session of a console. problems: errors of scripts, violations of the CSP, and dialogs."""

    def __init__(self, context: BrowserContext, page: Page, origin: str) -> None:
        self.context = context
        self.page = page
        self.origin = origin
        self.problems: list[str] = []
        page.on("console", self._take)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: self.problems.append(dialog.message))
        page.on("requestfailed", lambda request: self.problems.append(f"{request.url} failed"))

    def _take(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    async def open(self, path: str) -> None:
        """Open a page of the console."""
        response = await self.page.goto(self.origin + path)
        assert response is not None
        assert response.status == 200

    async def violations(self) -> list[str]:
        """Return what axe-core finds: each rule with the first element."""
        await self.page.evaluate(files(_AXE).joinpath("axe.min.js").read_text())
        found: Sequence[Any] = (await self.page.evaluate("rules => axe.run(rules)", _RULES))["violations"]
        return [f"{each['id']} ({each['impact']}): {each['nodes'][0]['html']}" for each in found]

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        width: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return max(0, width)


@contextlib.asynccontextmanager
async def console_page(
    browser: Browser, console: RunningConsole, cookies: Sequence[Any], *, width: int = 1280, scheme: Any = "light"
) -> AsyncIterator[ConsolePage]:
    """Yield a page with the cookies of a session, which the link of the console gives only once."""
    context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    await context.add_cookies(cookies)
    try:
        yield ConsolePage(context, await context.new_page(), console.origin)
    finally:
        await context.close()


async def session_cookies(browser: Browser, console: RunningConsole) -> Sequence[Any]:
    """Open the link of the console, and return the cookies of the session."""
    context = await browser.new_context()
    try:
        page = await context.new_page()
        await page.goto(console.link)
        return await context.cookies()
    finally:
        await context.close()
