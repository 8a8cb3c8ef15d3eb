"""The pages of the console in a real browser: layout, accessibility, content security policy, and contents."""

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support.chromium import SCHEMES, WIDTHS, console_page
from tests.support.console import RunningConsole
from tests.support.console_scene import ConsoleScene

pytestmark = pytest.mark.xdist_group("console")
PATHS = {
    "certificates": "/certificates",
    "certificate": "/certificates/show?name=providers/nhn-certs/certificates/www.example.com",
    "failed-certificate": "/certificates/show?name=providers/asteria/certificates/server",
    "providers": "/providers",
    "audit": "/audit?since=1h&provider=nhn-certs",
    "no-records": "/audit?since=1h&caller=nobody",
    "invalid-search": "/audit?since=tomorrow",
    "call": "/audit/call?id={download}",
    "denied-call": "/audit/call?id={denied}",
    "hostile-call": "/audit/call?id={hostile}",
    "unknown-call": "/audit/call?id=00000000-0000-4000-8000-000000000000",
    "journal": "/journal",
}


@pytest.mark.parametrize("name", PATHS)
async def test_page_is_accessible_fits_the_window_and_obeys_the_policy(
    browser: Browser, scene: ConsoleScene, console: RunningConsole, cookies: Sequence[Any], name: str
) -> None:
    for width, scheme in zip(WIDTHS, SCHEMES, strict=True):
        async with console_page(browser, console, cookies, width=width, scheme=scheme) as shown:
            await shown.open(PATHS[name].format(**scene.calls))
            assert await shown.overflow() == 0
            assert await shown.violations() == []
            assert shown.problems == []
