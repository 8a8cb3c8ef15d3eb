"""A peer without credentials that speaks HTTP/2 in frames, over TLS or in plaintext, and respects flow control."""

import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import http2_frames as h2
from tests.support.http2_frames import FrameKind

SOURCE = os.environ.get("HOSTILE_PEER_SOURCE", "")
"""The address that connections come from; by default, the system selects it."""

_CHUNK = 1 << 16
_INITIAL_WINDOW = 65_535
_SETTING_INITIAL_WINDOW = 4


class Peer:
    """One connection. It reads what the gateway sends, so that the gateway never waits for it.

    parses: False drops what the gateway sends, which is faster, but there is no flow control then.
    source: the address that the connection comes from. certificate: the files of a client certificate and its key.
    closed: the gateway has closed the connection. answered: streams on which the gateway has sent headers.
    ended: streams that the gateway has ended or reset.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: bool = True,
        parses: bool = True,
        source: str = SOURCE,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        host, _, port = address.rpartition(":")
        plain = socket.create_connection((host, int(port)), timeout=10, source_address=(source, 0) if source else None)
        self._socket = _context(certificate).wrap_socket(plain, server_hostname="localhost") if tls else plain
        self._socket.setblocking(False)
        self._parses = parses
        self._received = b""
        self._acknowledgements = b""
        self._initial = _INITIAL_WINDOW
        self._windows: dict[int, int] = {0: _INITIAL_WINDOW}
        self.closed = False
        self.answered: set[int] = set()
        self.ended: set[int] = set()

    def begin(self, window: int = _INITIAL_WINDOW) -> None:
        """Send the connection preface. window: how many bytes of a response the gateway may send."""
        acknowledgement = b"" if self._parses else h2.frame(FrameKind.SETTINGS, flags=h2.ACK)
        self.send(
            h2.PREFACE
            + h2.settings([(_SETTING_INITIAL_WINDOW, window)])
            + h2.window_update(increment=1 << 30)
            + acknowledgement
        )

    def send(self, content: bytes, *, until: float = float("inf")) -> None:
        """Send all of `content`, or stop at `until` (monotonic) or when the gateway closes the connection."""
        view = memoryview(self._acknowledgements + content)
        self._acknowledgements = b""
        while view and not self.closed and time.monotonic() < until:
            with self._ending():
                view = view[self._socket.send(view[:_CHUNK]) :]
            self.read(0.1 if view else 0, writable=bool(view))

    def open(self, stream: int, path: bytes, metadata: h2.Headers = ()) -> None:
        """Begin a call."""
        self._windows[stream] = self._initial
        self.send(h2.headers(stream, h2.call_headers(path, metadata)))

    def send_data(self, stream: int, payload: bytes) -> int:
        """Send as much of `payload` as flow control allows now; return the number of bytes."""
        size = max(0, min(len(payload), self._windows[0], self._windows.get(stream, 0)))
        if size and stream not in self.ended:
            self._windows[0] -= size
            self._windows[stream] -= size
            self.send(h2.data(stream, payload[:size]))
            return size
        return 0

    def read(self, seconds: float, *, writable: bool = False) -> None:
        """Handle what arrives within `seconds`. writable: return also when the connection accepts more."""
        select.select([self._socket], [self._socket] if writable else [], [], seconds)
        with self._ending():
            while received := self._socket.recv(_CHUNK):
                self._received += received if self._parses else b""
            self.closed = True
        if self._received:
            self._handle()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
        self.closed = True

    def _handle(self) -> None:
        content, start = self._received, 0
        while len(content) - start >= 9:
            size = int.from_bytes(content[start : start + 3])
            if len(content) - start < 9 + size:
                break
            stream = int.from_bytes(content[start + 5 : start + 9])
            self._handle_frame(content[start + 3], content[start + 4], stream, content[start + 9 : start + 9 + size])
            start += 9 + size
        self._received = content[start:]

    def _handle_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == FrameKind.HEADERS:
            self.answered.add(stream)
        if kind == FrameKind.WINDOW_UPDATE:
            self._windows[stream] = self._windows.get(stream, 0) + int.from_bytes(payload)
        elif kind == FrameKind.SETTINGS and not flags & h2.ACK:
            for at in range(0, len(payload), 6):
                if int.from_bytes(payload[at : at + 2]) == _SETTING_INITIAL_WINDOW:
                    self._set_initial(int.from_bytes(payload[at + 2 : at + 6]))
            self._acknowledgements += h2.frame(FrameKind.SETTINGS, flags=h2.ACK)
        elif kind == FrameKind.RST_STREAM or (kind in (FrameKind.HEADERS, FrameKind.DATA) and flags & h2.END_STREAM):
            self.ended.add(stream)
            self._windows.pop(stream, None)

    def _set_initial(self, window: int) -> None:
        for stream in self._windows.keys() - {0}:
            self._windows[stream] += window - self._initial
        self._initial = window

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self.closed = True


def _context(certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context
