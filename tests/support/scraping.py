"""The page for Prometheus as a scraper sees it."""

import socket

import aiohttp


def free_address() -> str:
    """Return a loopback address with a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


async def scrape(address: str) -> str:
    """Return the page at HOST:PORT."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as response:
        assert response.status == 200
        return await response.text()


def value(page: str, name: str, labels: str = "") -> float:
    """Return the only value of a metric. labels: text that its labels contain."""
    lines = [line for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} ")) and labels in line]
    assert len(lines) == 1, f"{name}{{{labels}}}: {lines}"
    return float(lines[0].rsplit(" ", 1)[1])
