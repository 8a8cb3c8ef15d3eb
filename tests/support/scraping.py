"""The page for Prometheus as a scraper sees it."""

import aiohttp


async def scrape(address: str) -> str:
    """Return the page at HOST:PORT."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as response:
        assert response.status == 200
        return await response.text()


def samples(page: str, name: str, labels: str = "") -> list[str]:
    """Return the lines with the values of a metric. labels: text that the labels of each contain."""
    return [line for line in page.splitlines() if line.startswith((f"{name}{{", f"{name} ")) and labels in line]


def values(page: str, name: str, labels: str = "") -> list[float]:
    """Return the values of a metric."""
    return [float(line.rsplit(" ", 1)[1]) for line in samples(page, name, labels)]


def value(page: str, name: str, labels: str = "") -> float:
    """Return the only value of a metric."""
    lines = samples(page, name, labels)
    assert len(lines) == 1, f"{name}{{{labels}}}: {lines}"
    return values(page, name, labels)[0]
