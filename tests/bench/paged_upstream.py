"""A Certificate Manager with many certificates that responds after a fixed delay and records its requests.

Every page is made before the measurement, so that the upstream needs little CPU time. It runs in threads of the
benchmark, which waits meanwhile.
"""

import json
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

from tests.bench.material import certificate_row

DELAY_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Served:
    """A request and the time from its arrival to its response."""

    path: str
    began: float
    ended: float


class PagedUpstream:
    """`with PagedUpstream(certificates) as upstream: …`. served: the requests so far."""

    def __init__(self, certificates: int, delay: float = DELAY_SECONDS) -> None:
        self.served: list[Served] = []
        self._delay = delay
        self._rows = [certificate_row(f"c{number}.example.com") for number in range(certificates)]
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
            rows = self._rows[(number - 1) * size : number * size]
            counts = {"totalCount": len(self._rows), "totalPage": -(-len(self._rows) // size)}
            body = {**counts, "currentPage": number, "pageSize": size, "data": rows}
            header = {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}
            self._pages[number, size] = json.dumps({"header": header, "body": body}).encode()
        return self._pages[number, size]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def setup(self) -> None:
                super().setup()
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def do_GET(self) -> None:
                began = time.monotonic()
                query = dict(parse_qsl(urlsplit(self.path).query))
                content = upstream.page(int(query["pageNum"]), int(query["pageSize"]))
                time.sleep(upstream._delay)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                self.wfile.flush()
                upstream.served.append(Served(self.path, began, time.monotonic()))

            def log_message(self, *_: Any) -> None:
                """Write no log."""

        return Handler
