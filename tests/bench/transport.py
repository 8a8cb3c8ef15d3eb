"""CPU cost of one exchange with each HTTP transport: `python -m tests.bench.transport [--exchanges N]`.

The server is a separate process that returns the same bytes for every request. Only CPU time of this process counts,
with uvloop, as in the gateway.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any, Final, cast

import uvloop

from gateway.call_context import CallContext
from gateway.upstream.client import HttpClient, HttpRequest, HttpSettings

TRANSPORTS: Final = ("http1", "aiohttp")
_BODY: Final = json.dumps(
    {
        "header": {"resultCode": 0, "resultMessage": "success", "isSuccessful": True},
        "body": {"ciphertext": "A" * 120, "keyVersion": 1},
    }
).encode()
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Wed, 25 Nov 2026 08:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n%s" % (len(_BODY), _BODY)
)
_REQUEST: Final = HttpRequest(
    "POST",
    "/keymanager/v1.0/appkey/an-application-key/symmetric-keys/a-key-of-32-characters/encrypt",
    {"Accept": "application/json", "Content-Type": "application/json"},
    b'{"plaintext":"c29tZXRoaW5nIHRvIGtlZXA="}',
)


class _Canned(asyncio.Protocol):
    """Responds to every segment."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(_ANSWER)


def _serve(pipe: "Connection[Any, Any]") -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(_Canned, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    uvloop.run(forever())


async def _measure(endpoint: str, transport: Any, exchanges: int, concurrency: int) -> float:
    """CPU µs per exchange."""
    client = HttpClient("bench", HttpSettings(endpoint, transport=transport))
    await client.start()

    async def ask(count: int) -> None:
        for _ in range(count):
            await client.send(_REQUEST, CallContext("bench", time.monotonic() + 30, idempotent=True))

    await ask(200)
    before = time.process_time()
    await asyncio.gather(*(ask(exchanges // concurrency) for _ in range(concurrency)))
    used = time.process_time() - before
    await client.close()
    return used / exchanges * 1e6


def main() -> None:
    """Measure the transports alternately in several rounds; print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exchanges", type=int, default=6400)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    endpoint = f"http://127.0.0.1:{ours.recv()}"
    for concurrency in (1, 64):
        figures: dict[str, list[float]] = {transport: [] for transport in TRANSPORTS}
        for _ in range(options.rounds):
            for transport in TRANSPORTS:
                figures[transport].append(uvloop.run(_measure(endpoint, transport, options.exchanges, concurrency)))
        for transport, measured in figures.items():
            print(f"{transport} at {concurrency}: {statistics.median(measured):.0f} µs CPU per exchange")
    server.terminate()


if __name__ == "__main__":
    main()
