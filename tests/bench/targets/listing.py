"""The list of all certificates of three providers, compared with the same upstream calls alone.

The calls alone are repeated by a client that reads the responses without parsing them: those that overlapped when the
gateway made them, together; the others, one after another.
"""

import http.client
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from keyway.v1 import certificate_service_pb2 as certificates
from tests.bench import gateway_settings
from tests.bench.competitors import Surroundings
from tests.bench.intervals import of_median
from tests.bench.paged_upstream import DELAY_SECONDS, PagedUpstream, Served
from tests.bench.probe import WrongAnswerError, channel
from tests.bench.processes import Server
from tests.bench.target import Target
from tests.bench.verdicts import Verdict
from tests.support.ports import free_port

CERTIFICATES: Final = 10_000
_PROVIDERS: Final = 3
_PAGE_SIZE: Final = 1000
_METHOD: Final = "/keyway.v1.CertificateService/ListCertificates"
_SECONDS: Final = 60.0

Batch = Sequence[tuple[int, str]]
"""Requests that are made at the same time: port and path."""


def measure(
    around: Surroundings, folder: Path, rounds: int, certificates_in_all: int = CERTIFICATES
) -> Sequence[Verdict]:
    """List everything once per round, and repeat the upstream calls."""
    folder.mkdir(parents=True)
    shares = [certificates_in_all // _PROVIDERS + (n < certificates_in_all % _PROVIDERS) for n in range(_PROVIDERS)]
    with ExitStack() as stack:
        upstreams = [stack.enter_context(PagedUpstream(share)) for share in shares]
        target = stack.enter_context(_gateway(around, folder, [upstream.url for upstream in upstreams]))
        _list(target, certificates_in_all)
        ratios, times = [], []
        for _ in range(rounds):
            for upstream in upstreams:
                upstream.served.clear()
            seconds = _list(target, certificates_in_all)
            batches = overlapping([(one.port, served) for one in upstreams for served in one.served])
            alone = repeat(batches)
            ratios.append(seconds / alone)
            times.append((seconds, alone, sum(len(batch) for batch in batches)))
    middle = [statistics.median(values) for values in zip(*times, strict=True)]
    remark = f"{middle[0]:.2f} and {middle[1]:.2f} s; {middle[2]:.0f} upstream calls of {DELAY_SECONDS * 1e3:.0f} ms"
    what = f"list of {certificates_in_all:,} certificates of {_PROVIDERS} providers ÷ the upstream calls alone: time"
    return [Verdict.of(what, of_median(ratios), 1.2, remark=remark)]


@contextmanager
def _gateway(around: Surroundings, folder: Path, urls: Sequence[str]) -> Iterator[Target]:
    """Run the bare gateway with a provider for each URL."""
    port = free_port()
    configuration = gateway_settings.write(
        around.material,
        folder,
        gateway_settings.BARE,
        port=port,
        upstream=around.upstream.url(tls=False),
        sink=around.sink,
        others=[gateway_settings.certificates(url, f"project-{number}") for number, url in enumerate(urls)],
    )
    command = (around.python, "-m", "gateway", "serve", "--config", configuration)
    with Server(command, port, folder / "server.log", folder=around.root):
        yield Target(port, _METHOD, b"", grpc=True)


def _list(target: Target, expected: int) -> float:
    """Seconds to read all pages. Raises WrongAnswerError if rows are missing."""
    rows, token = 0, ""
    with channel(target) as connection:
        method: Any = connection.unary_unary(
            target.path, response_deserializer=certificates.ListCertificatesResponse.FromString
        )
        began = time.monotonic()
        while True:
            request = certificates.ListCertificatesRequest(parent="providers/-", page_size=_PAGE_SIZE, page_token=token)
            page = method(request.SerializeToString(), timeout=_SECONDS)
            rows, token = rows + len(page.certificates), page.next_page_token
            if not token:
                break
        seconds = time.monotonic() - began
    if rows != expected:
        raise WrongAnswerError(f"{target.path} returned {rows} of {expected} certificates")
    return seconds


def overlapping(served: Sequence[tuple[int, Served]]) -> Sequence[Batch]:
    """Requests in the order in which they arrived. Those that overlap are one batch."""
    batches: list[list[tuple[int, str]]] = []
    end = float("-inf")
    for port, one in sorted(served, key=lambda each: each[1].began):
        if one.began >= end:
            batches.append([])
        batches[-1].append((port, one.path))
        end = max(end, one.ended)
    return batches


def repeat(batches: Sequence[Batch]) -> float:
    """Seconds for all requests, over one connection per upstream and position in a batch."""
    connections: dict[tuple[int, int], http.client.HTTPConnection] = {}

    def fetch(job: tuple[int, tuple[int, str]]) -> None:
        position, (port, path) = job
        if (port, position) not in connections:
            connections[port, position] = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
        connections[port, position].request("GET", path)
        connections[port, position].getresponse().read()

    with ThreadPoolExecutor(max(map(len, batches))) as pool:
        began = time.monotonic()
        for batch in batches:
            list(pool.map(fetch, enumerate(batch)))
        seconds = time.monotonic() - began
    for connection in connections.values():
        connection.close()
    return seconds
