"""Upstreams that fail at each stage of a request: the status, the number of attempts, and no leaks."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.fault_scene import DELETE, ENCRYPT, ENCRYPTED, healthy, scene
from tests.support.faulty_upstream import FaultyUpstream, Step, hang_up, http, reset, saying, stall, trickling
from tests.support.ports import free_port
from tests.support.raw_server import RawServer, silence
from tests.support.stack import Stack
from tests.support.valid_requests import call
from tests.support.wire import DEFAULT_RETRY, failure_of, requested_retry

UNREACHABLE = ("UNAVAILABLE", "PROVIDER_UNREACHABLE")
LOST = ("UNAVAILABLE", "PROVIDER_CONNECTION_LOST")
UNAVAILABLE = ("UNAVAILABLE", "PROVIDER_UNAVAILABLE")
TIMEOUT = ("DEADLINE_EXCEEDED", "PROVIDER_TIMEOUT")
LIMITED = ("RESOURCE_EXHAUSTED", "PROVIDER_RATE_LIMITED")
MALFORMED = ("INTERNAL", "MALFORMED_PROVIDER_RESPONSE")
INTERNAL = ("INTERNAL", "PROVIDER_INTERNAL")
HEAD, _, BODY = ENCRYPTED.partition(b"\r\n\r\n")
HALF_HEAD, HALF = HEAD[:40], HEAD + b"\r\n\r\n" + BODY[:20]
LONGER = requested_retry(30)


class Fault(NamedTuple):
    """A step and its result. retry, attempts: for an idempotent method and for another one."""

    step: Step
    kind: tuple[str, str]
    status: int | None = None
    retry: tuple[float | None, float | None] = (None, None)
    attempts: tuple[int, int] = (1, 1)


FAULTS = {
    "hangs up": Fault(hang_up, LOST, None, (DEFAULT_RETRY, None), (3, 1)),
    "resets": Fault(reset, LOST, None, (DEFAULT_RETRY, None), (3, 1)),
    "stalls before the head": Fault(stall, TIMEOUT),
    "hangs up in the head": Fault(saying(HALF_HEAD, hang_up), LOST, None, (DEFAULT_RETRY, None), (3, 1)),
    "resets in the head": Fault(saying(HALF_HEAD, reset), LOST, None, (DEFAULT_RETRY, None), (3, 1)),
    "stalls in the head": Fault(saying(HALF_HEAD, stall), TIMEOUT),
    "hangs up in the body": Fault(saying(HALF, hang_up), MALFORMED, 200),
    "resets in the body": Fault(saying(HALF, reset), MALFORMED, 200),
    "stalls in the body": Fault(saying(HALF, stall), TIMEOUT, 200),
    "trickles": Fault(trickling(ENCRYPTED, 0.05), TIMEOUT, None),
    "trickles the body": Fault(saying(HALF, trickling(b"x" * 200, 0.01)), TIMEOUT, 200),
    "a length that is too short": Fault(saying(ENCRYPTED.replace(b"Length: 1", b"Length: ")), MALFORMED, 200),
    "a length that is too long": Fault(saying(ENCRYPTED.replace(b"Length: 1", b"Length: 11"), hang_up), MALFORMED, 200),
    "two lengths": Fault(saying(HEAD + b"\r\nContent-Length: 2\r\n\r\n" + BODY), MALFORMED),
    "429": Fault(saying(http(429)), LIMITED, 429, (DEFAULT_RETRY, DEFAULT_RETRY), (3, 3)),
    "429 for now": Fault(saying(http(429, Retry_After="0")), LIMITED, 429, (0.001, 0.001), (3, 3)),
    "429 for longer": Fault(saying(http(429, Retry_After="30")), LIMITED, 429, (LONGER, LONGER)),
    "503": Fault(saying(http(503)), UNAVAILABLE, 503, (DEFAULT_RETRY, None), (3, 1)),
    "503 for longer": Fault(saying(http(503, Retry_After="30")), UNAVAILABLE, 503, (LONGER, LONGER)),
    "502 cut off": Fault(saying(http(502, b"x" * 9)[:-5], hang_up), UNAVAILABLE, 502, (DEFAULT_RETRY, None), (3, 1)),
    "500": Fault(saying(http(500, Content_Type="text/html")), INTERNAL, 500),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_each_fault_has_its_status_and_only_safe_retries(
    running_stack: Stack, tmp_path: Path, fault: Fault
) -> None:
    async with FaultyUpstream(then=fault.step) as upstream, scene(running_stack, tmp_path, upstream.url) as played:
        for number, (method, request) in enumerate([("Encrypt", ENCRYPT), ("DeleteCertificate", DELETE)]):
            upstream.heads.clear()
            failure = await failure_of(call(played.gateway, method, request))
            assert failure.kind == fault.kind
            assert failure.retry == fault.retry[number]
            assert failure.metadata.get("http_status") == (str(fault.status) if fault.status else None)
            assert len(upstream.heads) == fault.attempts[number]
            assert played.attempts(failure.request_id) == [fault.status] * fault.attempts[number]
    assert upstream.open == 0


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.attempts[0] > 1])
async def test_temporary_fault_is_hidden_from_an_idempotent_call(
    running_stack: Stack, tmp_path: Path, fault: str
) -> None:
    step, status = FAULTS[fault].step, FAULTS[fault].status
    async with (
        FaultyUpstream(step, step, then=healthy) as upstream,
        scene(running_stack, tmp_path, upstream.url) as played,
    ):
        await call(played.gateway, "Encrypt", ENCRYPT)
        assert played.attempts() == [status, status, 200]


@pytest.mark.parametrize("how", ["refuses", "has no address", "resets in TLS", "is slow with TLS"])
async def test_connection_failure_is_retried_for_every_method(running_stack: Stack, tmp_path: Path, how: str) -> None:
    async with RawServer(reset if how == "resets in TLS" else silence) as server:
        url = {"refuses": f"http://127.0.0.1:{free_port()}", "has no address": "http://no-such-host.invalid"}.get(
            how, f"https://localhost:{server.port}"
        )
        async with scene(running_stack, tmp_path, url, connect_timeout=0.1, timeout=5) as played:
            for method, request in (("Encrypt", ENCRYPT), ("DeleteCertificate", DELETE)):
                failure = await failure_of(call(played.gateway, method, request))
                assert (failure.kind, failure.retry) == (UNREACHABLE, DEFAULT_RETRY)
                assert played.attempts(failure.request_id) == [None] * 3
        assert not server.writers


async def test_idle_connections_that_the_server_closes_fail_no_call(running_stack: Stack, tmp_path: Path) -> None:
    """The server closes each connection after its response, without `Connection: close`."""

    async with (
        FaultyUpstream(then=saying(ENCRYPTED, hang_up)) as upstream,
        scene(running_stack, tmp_path, upstream.url) as played,
    ):
        for _ in range(10):
            await call(played.gateway, "Encrypt", ENCRYPT)
            assert played.attempts() == [200]
    assert upstream.connections == 10


async def test_healthy_upstream_is_called_over_one_connection(running_stack: Stack, tmp_path: Path) -> None:
    async with FaultyUpstream(then=healthy) as upstream, scene(running_stack, tmp_path, upstream.url) as played:
        for _ in range(10):
            await call(played.gateway, "Encrypt", ENCRYPT)
    assert (upstream.connections, len(upstream.heads)) == (1, 10)
