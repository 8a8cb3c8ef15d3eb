"""The rounds of a watch, with the sync and the asyncio client."""

import asyncio
import itertools
import time
from typing import Any

from keyway.v1 import certificate_service_pb2 as contract
from tests.clients.python.controls import send


def arguments(step: Any) -> Any:
    """Return the arguments of `watch_certificates`."""
    request = step["request"]
    return {"parent": request["parent"], "names": request.get("names", ())}


def sync_watch(client: Any, step: Any, ready: Any) -> Any:
    found: list[str] = []
    with client.watch_certificates(**arguments(step)) as watch:
        events = (event for event in watch if not is_synced(event))
        for part in step["watch"]:
            send(part, ready)
            time.sleep(part.get("pause_ms", 0) / 1000)
            found += map(text, itertools.islice(events, part["events"]))
    return {"events": found}


async def async_watch(client: Any, step: Any, ready: Any) -> Any:
    found: list[str] = []
    async with client.watch_certificates(**arguments(step)) as watch:
        for part in step["watch"]:
            await asyncio.to_thread(send, part, ready)
            await asyncio.sleep(part.get("pause_ms", 0) / 1000)
            wanted = len(found) + part["events"]
            while len(found) < wanted:
                if not is_synced(event := await anext(watch)):
                    found.append(text(event))
    return {"events": found}


def is_synced(event: Any) -> bool:
    return bool(event.type == contract.CERTIFICATE_EVENT_TYPE_SYNCED)


def text(event: Any) -> str:
    kind = contract.CertificateEventType.Name(event.type).removeprefix("CERTIFICATE_EVENT_TYPE_")
    return f"{kind} {event.name}"
