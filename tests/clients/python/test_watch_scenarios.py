"""Watching certificates with both Python clients: the scenarios of tests/clients/watches.json, as in all languages."""

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

import keyway
from keyway import KeywayError, aio
from keyway.v1.certificate_service_pb2 import CertificateEventType, WatchCertificatesResponse
from tests.support.scripted_watch import PARENT, Item, ScriptedWatch, scripted_watch

SCENARIOS = json.loads((Path(__file__).parents[1] / "watches.json").read_text())
SECONDS = 50


def items(stream: Any) -> list[Item]:
    """Return the items of a stream for the scripted server."""
    events: list[Item] = [
        WatchCertificatesResponse(
            type=CertificateEventType.Value(f"CERTIFICATE_EVENT_TYPE_{each['type']}"),
            name=each.get("name", ""),
            version=each.get("version", ""),
            resume_token=each.get("token", ""),
            reason=each.get("reason", ""),
            complete=each.get("complete", False),
            coalesced_count=each.get("coalesced", 0),
        )
        for each in stream["events"]
    ]
    end = stream.get("end")
    if end is None:
        return [*events, None]
    return events if end["status"] == "OK" else [*events, status(end)]


def status(end: Any) -> Status:
    made = Status(code=grpc.StatusCode[end["status"]].value[0], message="the end")
    details: list[Any] = []
    if "reason" in end:
        details.append(error_details_pb2.ErrorInfo(reason=end["reason"], domain="keyway"))
    if "retry_delay_ms" in end:
        delay = Duration(nanos=end["retry_delay_ms"] * 1_000_000)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    for each in details:
        packed = AnyMessage()
        packed.Pack(each)
        made.details.append(packed)
    return made


def text(found: WatchCertificatesResponse) -> str:
    kind = CertificateEventType.Name(found.type).removeprefix("CERTIFICATE_EVENT_TYPE_")
    return " ".join(filter(None, (kind, found.name, found.version)))


def sync_watch(script: ScriptedWatch, scenario: Any, found: list[str]) -> None:
    with (
        keyway.connect(**script.connection, retries=False) as client,
        client.watch_certificates(PARENT, resume_token=scenario["request_token"]) as watch,
    ):
        for each in watch:
            found.append(text(each))
            if "error" not in scenario and len(found) == len(scenario["delivered"]):
                return


def aio_watch(script: ScriptedWatch, scenario: Any, found: list[str]) -> None:
    async def run() -> None:
        async with (
            asyncio.timeout(SECONDS),
            aio.connect(**script.connection, retries=False) as client,
            client.watch_certificates(PARENT, resume_token=scenario["request_token"]) as watch,
        ):
            async for each in watch:
                found.append(text(each))
                if "error" not in scenario and len(found) == len(scenario["delivered"]):
                    return

    asyncio.run(run())


@pytest.mark.parametrize("watch", [sync_watch, aio_watch], ids=["sync", "aio"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each["name"] for each in SCENARIOS])
def test_changes_are_delivered(scenario: Any, watch: Any) -> None:
    found: list[str] = []
    error = None
    with scripted_watch(*map(items, scenario["streams"])) as script:
        try:
            watch(script, scenario, found)
        except KeywayError as raised:
            error = raised.code.name
    assert found == scenario["delivered"]
    assert error == scenario.get("error")
    assert [each.resume_token for each in script.requests] == [each["token"] for each in scenario["streams"]]
