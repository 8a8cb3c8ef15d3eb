"""Streams whose readers do not take events: they end, and release their slots."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from gateway.authz.settings import LimitSettings
from gateway.contract.methods import DELIVER_CERTIFICATE, METHODS_BY_OPERATION
from gateway.server.interceptors.interceptor import InterceptorDependencies
from gateway.server.open_streams import OpenStreams
from gateway.server.stream_handler import StreamEvent, StreamLimits, stream_handler
from gateway.server.transport import stalled_peers
from gateway.server.transport.stalled_peers import close_connection
from gateway.telemetry.streams import StreamMetrics
from keyway.v1.certificate_service_pb2 import WatchCertificatesRequest, WatchCertificatesResponse
from tests.support.http2_frames import message_start
from tests.support.http2_peer import Peer
from tests.support.waiting import eventually

WATCH = METHODS_BY_OPERATION["watch_certificates"]
PATH = f"/{WATCH.service}/{WATCH.name}"
REQUEST = WatchCertificatesRequest(parent="providers/p").SerializeToString()
NO_WINDOW, LARGE_WINDOW = 0, 1 << 30


class EndlessEvents:
    """A stream that always has an event."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        response = WatchCertificatesResponse(reason="x" * 16_000)
        while not self.closed:
            await asyncio.sleep(0)
            yield StreamEvent(response, WatchCertificatesResponse(name="providers/p/certificates/c"), "CURRENT", 0.0)


class Scene:
    """A server with such streams. writing: seconds in which a reader must take an event."""

    def __init__(self, writing: float) -> None:
        self.opened: list[EndlessEvents] = []
        self.streams = OpenStreams(LimitSettings())
        self.address = ""
        metrics = StreamMetrics(lambda: self.streams.count, None)
        limits = StreamLimits(60, 3600, self.streams, metrics, writing=writing)
        self._handler = stream_handler(WATCH, DELIVER_CERTIFICATE, self._open, limits, InterceptorDependencies())

    async def _open(self, _request: object, _call: object) -> EndlessEvents:
        self.opened.append(EndlessEvents())
        return self.opened[-1]

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator["Scene"]:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers: dict[str, Any] = {WATCH.name: grpc.stream_stream_rpc_method_handler(self._handler)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(WATCH.service, handlers),))
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        yield self
        await server.stop(0)

    async def ended(self) -> None:
        """Return when a stream was opened and no stream is open."""

        async def has_ended() -> bool:
            return any(each.closed for each in self.opened) and self.streams.count == 0

        await eventually(has_ended, 60)


def opened(address: str, window: int) -> Peer:
    """Return a peer with one stream. window: how many bytes of a stream it accepts."""
    peer = Peer(address, tls=False)
    peer.begin(window)
    peer.open(1, PATH.encode())
    peer.send_data(1, message_start(len(REQUEST)) + REQUEST)
    return peer


@pytest.mark.parametrize("window", [NO_WINDOW, LARGE_WINDOW], ids=["HTTP/2 window", "TCP window"])
async def test_stream_of_a_reader_that_takes_nothing_ends_with_its_connection(window: int) -> None:
    """With a large HTTP/2 window, the buffers of the TCP connection become full, because the peer does not read."""
    async with Scene(writing=1.0).served() as scene:
        with contextlib.closing(opened(scene.address, window)) as peer:
            await scene.ended()

            async def is_closed() -> bool:
                peer.read(0.01)
                return peer.closed

            await eventually(is_closed)


async def test_connection_is_also_closed_if_the_stream_ends_before_its_message_is_taken() -> None:
    canceled = asyncio.Event()

    async def end_early(_messages: object, transport: Any) -> None:
        writing = asyncio.create_task(stalled_peers.write(transport, b"message", 1.0))
        await asyncio.sleep(0.1)
        writing.cancel()
        await asyncio.wait([writing])
        canceled.set()
        await asyncio.Event().wait()

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers: dict[str, Any] = {WATCH.name: grpc.stream_stream_rpc_method_handler(end_early)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(WATCH.service, handlers),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    with contextlib.closing(opened(address, NO_WINDOW)) as peer:
        async with asyncio.timeout(20):
            await canceled.wait()

        async def is_closed() -> bool:
            peer.read(0.01)
            return peer.closed

        await eventually(is_closed)
    await server.stop(0)


async def test_streams_of_one_connection_that_stall_together_close_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search for the connection can take long, because it looks at all descriptors."""
    searches: list[str] = []
    go_on = threading.Event()

    def search(address: str) -> bool:
        searches.append(address)
        return go_on.wait(20) and close_connection(address)

    monkeypatch.setattr(stalled_peers, "close_connection", search)
    async with Scene(writing=1.0).served() as scene:
        with contextlib.closing(opened(scene.address, NO_WINDOW)) as peer:
            for stream in range(3, 21, 2):
                peer.open(stream, PATH.encode())
                peer.send_data(stream, message_start(len(REQUEST)) + REQUEST)

            async def are_open() -> bool:
                peer.send(b"")  # acknowledges the settings
                return scene.streams.count == 10

            await eventually(are_open)
            await asyncio.sleep(1.5)  # all of them have stalled, and the search has not ended
            assert len(searches) == 1
            go_on.set()
            await scene.ended()


async def test_slow_reader_keeps_its_stream() -> None:
    async with Scene(writing=20.0).served() as scene, grpc.aio.insecure_channel(scene.address) as channel:
        call: Any = channel.stream_stream(PATH, response_deserializer=WatchCertificatesResponse.FromString)()
        await call.write(REQUEST)
        began = time.monotonic()
        while time.monotonic() < began + 2:
            assert (await call.read()).reason
            await asyncio.sleep(0.2)
        assert scene.streams.count == 1
        call.cancel()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_only_the_connection_of_the_peer_is_closed(host: str) -> None:
    with contextlib.ExitStack() as opened_sockets:
        try:
            server = opened_sockets.enter_context(socket.create_server((host, 0), family=_family(host)))
        except OSError:
            pytest.skip(f"the machine has no address {host}")
        first, second = (
            opened_sockets.enter_context(socket.create_connection(server.getsockname()[:2], timeout=20))
            for _ in range(2)
        )
        for _ in range(2):
            opened_sockets.enter_context(server.accept()[0])
        name = f"[{host}]" if ":" in host else host
        assert close_connection(f"{name}:{first.getsockname()[1]}")
        assert first.recv(1) == b""
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.recv(1)
        assert not close_connection(f"{name}:1")


def test_connections_of_one_port_to_several_listeners_are_all_closed() -> None:
    """Otherwise, a peer could keep the stalled one with a second connection that is found first."""
    with contextlib.ExitStack() as opened_sockets:
        peers: list[socket.socket] = []
        source = ("127.0.0.1", 0)
        for _ in range(2):
            server = opened_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
            peer = opened_sockets.enter_context(socket.socket())
            peer.settimeout(20)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            peer.bind(source)
            peer.connect(server.getsockname())
            opened_sockets.enter_context(server.accept()[0])
            source = peer.getsockname()
            peers.append(peer)
        assert close_connection(f"127.0.0.1:{source[1]}")
        assert [peer.recv(1) for peer in peers] == [b"", b""]


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
