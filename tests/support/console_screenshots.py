"""The screenshots in docs/console: `python -m tests.support.console_screenshots`, or `make screenshots`."""

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import FloatRect, Page

from tests.support.chromium import SCHEMES, WIDTHS, chromium, console_page, session_cookies
from tests.support.console_scene import console_scene
from tests.support.stack import Stack

FOLDER: Final = Path(__file__).parents[2] / "docs" / "console"
PATHS: Final = {
    "certificates": "/certificates",
    "certificate": "/certificates/show?name=providers/nhn-certs/certificates/www.example.com",
    "providers": "/providers",
    "audit": "/audit?since=1h&provider=nhn-certs",
    "call": "/audit/call?id={download}",
    "journal": "/journal",
}
_TALLEST: Final = 1200


async def take(folder: Path) -> None:
    """Write a file for each view, width, and color scheme."""
    with tempfile.TemporaryDirectory() as files:
        async with (
            chromium() as browser,
            Stack() as stack,
            console_scene(Path(files), stack) as scene,
            scene.console() as console,
        ):
            cookies = await session_cookies(browser, console)
            for width in WIDTHS:
                for scheme in SCHEMES:
                    async with console_page(browser, console, cookies, width=width, scheme=scheme) as shown:
                        for name, path in PATHS.items():
                            await shown.open(path.format(**scene.calls))
                            await _picture(shown.page, folder / f"{name}-{width}-{scheme}.png")


async def _picture(page: Page, file: Path) -> None:
    """Write the page down to its end, but not more than the tallest picture."""
    height: int = await page.evaluate("document.body.offsetHeight")
    size = page.viewport_size
    assert size is not None
    clip = FloatRect(x=0, y=0, width=size["width"], height=min(height, _TALLEST))
    await page.screenshot(path=file, full_page=True, clip=clip)


if __name__ == "__main__":
    asyncio.run(take(FOLDER))
