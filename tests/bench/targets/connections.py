"""The memory of an idle TLS connection: many connections from several addresses, in batches.

A connection needs only a socket after its handshake: the client sends the preface and the settings of HTTP/2 and then
nothing. So the client needs hardly any memory, but cannot answer the pings of the gateway, which closes the connection
after 80 seconds. Opening stops before that.
"""

import contextlib
import os
import resource
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from tests.bench.competitors import Competitor, Surroundings
from tests.bench.gateway_settings import EVERYTHING
from tests.bench.intervals import of_median
from tests.bench.probe import probe
from tests.bench.processes import ServerError
from tests.bench.resource_usage import files, resident
from tests.bench.target import Target
from tests.bench.verdicts import Verdict

_BATCHES: Final = 10
_THREADS: Final = 4
_LONGEST_SECONDS: Final = 60.0
_SPARE_FILES: Final = 200
_TIMEOUT_SECONDS: Final = 10.0
_SETTLE_SECONDS: Final = 1.0
_KIB: Final = 1024
_WHAT: Final[Mapping[str, str]] = {
    "jwt": "memory per idle TLS connection",
    "mtls": "memory per idle TLS connection with a client certificate",
}
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS: Final = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS_ACK: Final = bytes((0, 0, 0, 4, 1, 0, 0, 0, 0))


def measure(around: Surroundings, folder: Path, wanted: int) -> Sequence[Verdict]:
    """Measure connections without and with a certificate of the client."""
    with raised_file_limit(wanted + _SPARE_FILES) as limit:
        most = min(wanted, limit - _SPARE_FILES)
        return [_measure(around, folder / kind, most, kind) for kind in ("jwt", "mtls")]


@contextmanager
def raised_file_limit(files: int) -> Iterator[int]:
    """Raise the limit of open files of this process and its children, as far as permitted; yield the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # only root may raise the hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files), max(hard, files)))
    limit, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit := min(files, highest), highest))
    try:
        yield limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, highest))


def _measure(around: Surroundings, folder: Path, most: int, identity: Literal["jwt", "mtls"]) -> Verdict:
    """Open the connections in batches, each from another loopback address, and read the memory after each batch."""
    size = most // _BATCHES
    folder.mkdir(parents=True)
    parts = replace(EVERYTHING, identity=identity, connections=most + _SPARE_FILES)
    with Competitor("connections", "gateway, everything on", "gateway", tls=True, parts=parts).running(
        around, folder
    ) as (server, target):
        probe(target)
        time.sleep(_SETTLE_SECONDS)
        growth, began = [], time.monotonic()
        with IdleConnections(target) as idle:
            before = resident(server.pid)
            for number in range(_BATCHES):
                if time.monotonic() - began > _LONGEST_SECONDS:
                    print(f"targets: connections: stopped after {idle.count:,}", file=sys.stderr)
                    break
                idle.open(size, f"127.0.0.{number + 2}")
                now = resident(server.pid)
                growth.append((now - before) / size / _KIB)
                before = now
            if files(server.pid) < idle.count:
                raise ServerError(f"the gateway closed connections: {server.output_tail()}")
            remark = f"{idle.count:,} connections from {len(growth)} addresses; {resident(server.pid) / 2**20:.0f} MiB"
    return Verdict.of(_WHAT[identity], of_median(growth), 60.0, "KiB", remark=remark)


class IdleConnections:
    """Connections that are closed at the end of the `with` block."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._open: list[int] = []
        self._tls = ssl.create_default_context(cafile=str(target.authority))
        self._tls.set_alpn_protocols(["h2"])
        if target.client is not None:
            self._tls.load_cert_chain(*target.client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in self._open:
            os.close(descriptor)

    @property
    def count(self) -> int:
        """Number of connections."""
        return len(self._open)

    def open(self, number: int, source: str) -> None:
        """Open more connections from an address."""
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(self._connect, [source] * number):
                pass

    def _connect(self, source: str) -> None:
        try:
            plain = socket.create_connection(("127.0.0.1", self._target.port), _TIMEOUT_SECONDS, (source, 0))
            with plain, self._tls.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                secure.sendall(_PREFACE + _SETTINGS + _SETTINGS_ACK)
                self._open.append(secure.detach())
        except OSError as error:
            raise ServerError(f"connection {len(self._open) + 1} from {source} failed: {error}") from None
