"""A server that sends chunked responses as fast as it can, from its own thread, and a meter of event loop turns."""

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_HEAD: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextlib.contextmanager
def chunk_flood(block: bytes, blocks: int | None, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Yield the URL of a server that answers each request with a head, and this block so many times (None: forever)."""

    def serve(accepted: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            tls.wrap_socket(accepted, server_side=True) if tls is not None else accepted as wire,
        ):
            while wire.recv(65_536):
                wire.sendall(_HEAD)
                sent = 0
                while blocks is None or sent < blocks:
                    wire.sendall(block)
                    sent += 1
                wire.sendall(b"0\r\n\r\n")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = listener.accept()
                threading.Thread(target=serve, args=(wire,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        port = listener.getsockname()[1]
        yield f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join(10)


@dataclass(slots=True)
class TurnMeter:
    """longest: CPU seconds of the longest turn of the event loop."""

    longest: float = 0.0


@contextlib.contextmanager
def measured_turns() -> Iterator[TurnMeter]:
    """Measure the turns of the event loop inside of the block, in CPU time of this thread."""
    loop = asyncio.get_running_loop()
    meter = TurnMeter()
    last = time.thread_time()
    running = True

    def turn() -> None:
        nonlocal last
        now = time.thread_time()
        meter.longest = max(meter.longest, now - last)
        last = now
        if running:
            loop.call_soon(turn)

    loop.call_soon(turn)
    try:
        yield meter
    finally:
        running = False
