"""Fixtures of the console: the gateway, the console of an operator, and the browser."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support.chromium import chromium, session_cookies
from tests.support.console import RunningConsole
from tests.support.console_scene import ConsoleScene, console_scene
from tests.support.stack import Stack


@pytest.fixture(scope="package")
async def console_stack(running_stack: Stack) -> AsyncIterator[Stack]:
    """Yield the emulators with their default objects, and reset them at the end."""
    await running_stack.reset()
    yield running_stack
    await running_stack.reset()


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    """Yield Chromium."""
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
async def scene(
    browser: Browser, console_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ConsoleScene]:
    """Yield the gateway with its history. It needs the browser only to be skipped together with it."""
    async with console_scene(tmp_path_factory.mktemp("gateway"), console_stack) as scene:
        yield scene


@pytest.fixture(scope="package")
async def console(scene: ConsoleScene) -> AsyncIterator[RunningConsole]:
    """Yield the console of an operator with all permissions."""
    async with scene.console() as console:
        yield console


@pytest.fixture(scope="package")
async def cookies(browser: Browser, console: RunningConsole) -> Sequence[Any]:
    """Return the cookies of its session."""
    return await session_cookies(browser, console)
