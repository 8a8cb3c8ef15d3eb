"""A Certificate Manager with many certificates: `python -m tests.support.large_project` prints its port.

Each row is made when it is listed. The server is a process of its own, so that the memory of a test is that of the
gateway.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Final

from tests.support.certificate_list import CertificateListHandler, list_page

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


class LargeProject(CertificateListHandler):
    """Makes each page when it is requested."""

    count = CERTIFICATES

    def page(self, number: int, size: int) -> bytes:
        return list_page(row, self.count, number, size)


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
