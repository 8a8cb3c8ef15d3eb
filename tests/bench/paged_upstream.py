"""A Certificate Manager with many certificates that responds after a fixed delay and records its requests.

Every page is made before the measurement, so that the upstream needs little CPU time. It runs in threads of the
benchmark, which waits meanwhile.
"""

import threading
import time
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from tests.bench.material import certificate_row
from tests.support.certificate_list import CertificateListHandler, list_page

DELAY_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Served:
    """A request and the time from its arrival until its response is sent."""

    path: str
    began: float
    ended: float


class PagedUpstream:
    """`with PagedUpstream(certificates) as upstream: …`. served: the requests so far."""

    def __init__(self, certificates: int, delay: float = DELAY_SECONDS) -> None:
        self.served: list[Served] = []
        self._delay = delay
        self._certificates = certificates
        self._pages: dict[tuple[int, int], bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.port: int = self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def page(self, number: int, size: int) -> bytes:
        """The response with a page, which is made once."""
        if (number, size) not in self._pages:
            self._pages[number, size] = list_page(_row, self._certificates, number, size)
        return self._pages[number, size]

    def _handler(self) -> type[CertificateListHandler]:
        upstream = self

        class Handler(CertificateListHandler):
            count = upstream._certificates

            def page(self, number: int, size: int) -> bytes:
                began = time.monotonic()
                content = upstream.page(number, size)
                time.sleep(upstream._delay)
                # Recorded before the response is sent, so that a request that waits for the response begins later.
                upstream.served.append(Served(self.path, began, time.monotonic()))
                return content

        return Handler


def _row(index: int) -> dict[str, Any]:
    return certificate_row(f"c{index}.example.com")
