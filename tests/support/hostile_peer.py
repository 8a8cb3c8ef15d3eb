"""An unauthenticated peer that attacks a gateway: `python -m tests.support.hostile_peer KIND HOST:PORT SECONDS`.

A program of its own, so that its work does not delay the test or the benchmark. It has no credentials. It prints one
line when it begins, and the number of frames, handshakes, or bytes at the end.
"""

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.support import http2_frames as h2
from tests.support.http2_peer import Peer

ROOT = Path(__file__).parents[2]
METHOD = b"/keyway.v1.KeyService/Encrypt"
HEALTH = b"/grpc.health.v1.Health/Check"
CONTINUATION = h2.continuation(1, [(b"x", b"v" * 1000)])
EMPTY_CONTINUATION = h2.continuation(1)
_MESSAGE_BYTES = (4 << 20) - 16
_BURST = 1 << 16
_STREAMS = range(1, 129, 2)
_CONNECTIONS = 16
_UNFINISHED_HEADERS = h2.headers(1, h2.call_headers(METHOD), flags=0)

Attack = Callable[[str, float, bool], int]
"""Attacks HOST:PORT until a monotonic time, with or without TLS. Returns a count."""


def frames(one: bytes, *, first: bytes = b"") -> Attack:
    """Return an attack that repeats a frame on one connection, and connects again if the gateway closes it.

    first: frames that each connection begins with.
    """

    def attack(address: str, until: float, tls: bool) -> int:
        repeats, sent = _BURST // len(one), 0
        peer = None
        while time.monotonic() < until:
            if peer is None or peer.closed:
                peer = _connected(address, tls, parses=False)
                peer.send(first, until=until)
            peer.send(one * repeats, until=until)
            sent += repeats
        return sent

    return attack


def handshakes(address: str, until: float, tls: bool) -> int:
    """Open connections one after the other, and close each after its handshake."""
    made = 0
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            Peer(address, tls=tls).close()
            made += 1
    return made


def unfinished_messages(path: bytes) -> Attack:
    """Return an attack that sends all but the end of large messages: 64 on each connection, which stays open."""

    def attack(address: str, until: float, tls: bool) -> int:
        peers: list[Peer] = []
        sent = 0
        while time.monotonic() < until:
            for peer in peers:
                if peer.ended.issuperset(_STREAMS):
                    peer.close()
            peers = [peer for peer in peers if not peer.closed]
            if len(peers) < _CONNECTIONS:
                peers.append(_connected(address, tls))
                for stream in _STREAMS:
                    peers[-1].open(stream, path)
                    peers[-1].send_data(stream, h2.message_start(_MESSAGE_BYTES))
            sent += sum(_push(peer) for peer in peers)
        return sent

    return attack


def _push(peer: Peer) -> int:
    peer.send(b"")
    peer.read(0.001)
    return sum(peer.send_data(stream, bytes(_BURST)) for stream in _STREAMS if not peer.closed)


def _connected(address: str, tls: bool, *, parses: bool = True) -> Peer:
    while True:
        with contextlib.suppress(OSError):
            peer = Peer(address, tls=tls, parses=parses)
            peer.begin()
            return peer
        time.sleep(0.01)


ATTACKS: Mapping[str, Attack] = {
    "settings": frames(h2.settings()),
    "priority": frames(h2.priority()),
    "window-update": frames(h2.window_update()),
    "continuation": frames(CONTINUATION, first=_UNFINISHED_HEADERS),
    "empty-continuation": frames(EMPTY_CONTINUATION, first=_UNFINISHED_HEADERS),
    "handshakes": handshakes,
    "messages": unfinished_messages(METHOD),
    "health-messages": unfinished_messages(HEALTH),
}


def closes_endless_headers(address: str, continuation: bytes, seconds: float = 10.0) -> bool:
    """Send headers that never end on one connection. Return whether the gateway closes it within this time."""
    until = time.monotonic() + seconds
    peer = _connected(address, tls=True, parses=False)  # so that no SETTINGS frame interrupts the headers
    peer.send(_UNFINISHED_HEADERS)
    while not peer.closed and time.monotonic() < until:
        peer.send(continuation, until=until)
    is_closed = peer.closed
    peer.close()
    return is_closed


@contextlib.contextmanager
def attacking(kind: str, address: str, *, tls: bool = True, seconds: float = 60.0) -> Iterator[None]:
    """Attack while the block runs, for at most this many seconds."""
    command = [sys.executable, "-m", "tests.support.hostile_peer", kind, address, str(seconds)]
    options = [] if tls else ["--plaintext"]
    process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "attacking\n"
        yield
        assert process.poll() is None, "the attack ended early"
    finally:
        process.kill()
        process.communicate()


def main() -> int:
    """Attack for a number of seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=ATTACKS)
    parser.add_argument("address")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--plaintext", action="store_true")
    given = parser.parse_args()
    print("attacking", flush=True)
    print(ATTACKS[given.kind](given.address, time.monotonic() + given.seconds, not given.plaintext), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
