"""A Certificate Manager with many certificates: `python -m tests.support.large_project` prints its port.

Each row is made when it is listed. The server is a process of its own, so that the memory of a test is that of the
gateway.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qsl, urlsplit

CERTIFICATES: Final = 10_000
DOMAINS: Final = 100


def row(number: int) -> dict[str, object]:
    return {
        "certificateName": f"c{number}.example.com",
        "authority": "Example",
        "domains": [f"host-{index:02}.service-{number:05}.example.com" for index in range(DOMAINS)],
        "signatureAlgorithm": "SHA256withRSA",
        "fileCreationDate": "2026-01-01",
        "expirationDate": "2999-01-01",
    }


class LargeProject(BaseHTTPRequestHandler):
    """Answers list requests."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        size, number = int(query.get("pageSize", 10)), int(query.get("pageNum", 1))
        if query.get("all") == "true":
            size, number = CERTIFICATES, 1
        rows = range((number - 1) * size, min(number * size, CERTIFICATES))
        body = {
            "totalCount": CERTIFICATES,
            "totalPage": -(-CERTIFICATES // size),
            "currentPage": number,
            "pageSize": size,
            "data": [row(each) for each in rows],
        }
        header = {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}
        content = json.dumps({"header": header, "body": body}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@contextmanager
def large_project() -> Iterator[str]:
    """Yield the URL of the server."""
    command = [sys.executable, "-m", "tests.support.large_project"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), LargeProject) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
