"""A shipper in this process, which starts and stops quickly, for tests that do not kill it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from gateway.journal.ship.settings import ShipSettings
from gateway.journal.ship.shipper import run_shipper

_QUICK: Final = {"rewind": 30.0, "interval": 0.01, "maximum_backoff": 0.05, "timeout": 5.0}


@asynccontextmanager
async def shipping(directory: Path, endpoint: str, **options: Any) -> AsyncIterator[None]:
    """Ship the audit directory. The cursor does not move back unless `rewind` is short."""
    stop = asyncio.Event()
    settings = ShipSettings.model_validate({"endpoint": endpoint, **_QUICK, **options})
    running = asyncio.create_task(run_shipper(directory, settings, stop))
    try:
        yield
    finally:
        stop.set()
        await running
