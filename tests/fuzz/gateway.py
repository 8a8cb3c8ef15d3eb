"""A gateway process with tokens, a policy, a journal, and a provider, whose upstream sends what a fuzz target chooses.

After each input, `check` requires that the gateway still answers, and that its log has no traceback and no bug.
"""

import contextlib
import json
import os
import re
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from keyway.v1 import certificate_service_pb2, certificate_service_pb2_grpc
from tests.support import wire
from tests.support.once import ONCE
from tests.support.processes import READY
from tests.support.providers.certificate_manager import page, row
from tests.support.token_gateway import UNLIMITED, TokenGateway

PROVIDER: Final = "providers/nhn"
_CALL_SECONDS: Final = 30.0
_DAY: Final = 86_400
_PAGE: Final = json.dumps(page([row()], size=1000)).encode()
_LIBRARY_ERRORS: Final = frozenset(
    {
        ("Invalid encoding on %s", "UnicodeDecodeError"),  # metadata
        ("Unexpected", "UnicodeDecodeError"),  # the path, before gRPC has found a handler
        ("Failed sending error status from server", "ExecuteBatchError"),
        ("Exception printed", "ExecuteBatchError"),
    }
)
"""What gRPC logs about bytes that are not UTF-8. The gateway cannot prevent these lines. They contain no input."""


@dataclass(frozen=True)
class UpstreamResponse:
    """What the upstream writes after a request. keeps: whether it keeps the connection open afterwards."""

    pieces: Sequence[bytes]
    keeps: bool = False


GOOD: Final = UpstreamResponse(
    [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_PAGE), _PAGE)], True
)


class FuzzedGateway:
    """The process. address: HOST:PORT. token: a valid bearer token. response: what the upstream sends next."""

    def __init__(
        self, process: "subprocess.Popen[str]", folder: Path, known: TokenGateway, upstream: "_Upstream"
    ) -> None:
        self._process = process
        self._folder = folder
        self._upstream = upstream
        self._log_read = 0
        self.token = known.issuer.token(exp=int(time.time()) + _DAY)
        self.address = _address(process)
        credentials = grpc.ssl_channel_credentials(known.authority.pem)
        self._channel = grpc.secure_channel(self.address, credentials)
        self._certificates: Any = certificate_service_pb2_grpc.CertificateServiceStub(self._channel)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    @property
    def resident_kib(self) -> int:
        """The resident memory of the process."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
        assert found is not None
        return int(found[1])

    def list_with(self, response: UpstreamResponse) -> None:
        """List certificates while the upstream sends this response. Only the gateway's own errors may result."""
        self._upstream.response = response
        try:
            self._list()
        except grpc.RpcError as error:
            failure = wire.read(error)  # type: ignore[arg-type]  # has the same methods as the error of asyncio
            assert failure.reason != "INTERNAL_ERROR", failure
        finally:
            self._upstream.response = GOOD

    def check(self) -> None:
        """Raise AssertionError if the process does not answer a valid call, or has logged a bug."""
        assert self._process.poll() is None, "the gateway has ended"
        assert len(self._list().certificates) == 1
        for line in self._new_lines():
            assert "Traceback" not in line, line
            entry = json.loads(line)
            assert entry["level"] != "error" or (entry.get("message"), entry.get("error")) in _LIBRARY_ERRORS, line

    def check_journal(self) -> None:
        """Raise AssertionError if the journal has the outcome of a bug."""
        for segment in (self._folder / "audit").rglob("*"):
            assert not segment.is_file() or b"INTERNAL_ERROR" not in segment.read_bytes(), segment

    def _list(self) -> Any:
        request = certificate_service_pb2.ListCertificatesRequest(parent=PROVIDER)
        metadata = [("authorization", f"Bearer {self.token}")]
        return self._certificates.ListCertificates(request, metadata=metadata, timeout=_CALL_SECONDS)

    def _new_lines(self) -> list[str]:
        with (self._folder / "log").open("rb") as log:
            log.seek(self._log_read)
            whole, newline, _ = log.read().rpartition(b"\n")
        self._log_read += len(whole) + len(newline)
        return whole.decode().splitlines()


@contextlib.contextmanager
def fuzzed_gateway() -> Iterator[FuzzedGateway]:
    """Run the gateway."""
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="keyway-fuzz-")))
        upstream = exits.enter_context(_Upstream())
        exits.callback(upstream.shutdown)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        known = TokenGateway(folder, **_options(upstream.server_address[1]))
        log = exits.enter_context((folder / "log").open("wb"))
        command = (sys.executable, "-m", "gateway", "serve", "--config", str(known.config))
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        exits.callback(process.communicate)
        exits.callback(process.kill)
        gateway = FuzzedGateway(process, folder, known, upstream)
        exits.callback(gateway.close)
        yield gateway


def _options(port: int) -> Mapping[str, Any]:
    provider = {
        "id": "nhn", "type": "nhn-certificate-manager", "endpoint": f"http://127.0.0.1:{port}", "app_key": "app",
        "read_timeout": 0.2, **ONCE,
    }  # fmt: skip
    return {"providers": [provider], "limits": UNLIMITED, "log": {"format": "json"}}


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(READY):
            return line.removeprefix(READY).strip()
    raise AssertionError("the gateway did not start")


class _Upstream(socketserver.ThreadingTCPServer):
    """A server that reads one request, and writes `response`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.response = GOOD

    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect."""


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Upstream

    def handle(self) -> None:
        """Answer requests until a response ends the connection."""
        while self._read_request():
            response = self.server.response
            for piece in response.pieces:
                self.wfile.write(piece)
            if not response.keeps:
                return

    def _read_request(self) -> bool:
        """Return whether a request arrived. The requests have no body."""
        while line := self.rfile.readline():
            if line == b"\r\n":
                return True
        return False
