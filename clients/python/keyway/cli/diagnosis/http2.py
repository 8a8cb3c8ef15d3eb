"""The first bytes of an HTTP/2 connection, with or without TLS."""

import ssl
from enum import Enum, auto
from socket import socket
from typing import Final

from keyway.cli.diagnosis.sockets import Endpoint

_FRAME_HEADER: Final = 9
_SETTINGS: Final = 4
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + bytes([_SETTINGS]) + b"\0\0\0\0\0"


class Reply(Enum):
    """What a server sends after the start of an HTTP/2 connection."""

    HTTP2 = auto()
    CLOSED = auto()
    SILENCE = auto()
    OTHER = auto()


def greet(connection: socket) -> Reply:
    """Start an HTTP/2 connection, and return how the server replies."""
    received = b""
    try:
        connection.sendall(_PREFACE)
        while len(received) < _FRAME_HEADER and (data := connection.recv(_FRAME_HEADER - len(received))):
            received += data
    except TimeoutError:
        return Reply.OTHER if received else Reply.SILENCE
    except OSError:  # also an alert of TLS
        return Reply.CLOSED
    if not received:
        return Reply.CLOSED
    return Reply.HTTP2 if received[3:4] == bytes([_SETTINGS]) and received[5:] == bytes(4) else Reply.OTHER


def greet_without_tls(endpoint: Endpoint) -> Reply:
    """Start an HTTP/2 connection without TLS, and return how the server replies."""
    try:
        with endpoint.connect() as connection:
            return greet(connection)
    except OSError:
        return Reply.CLOSED


def offers_tls(endpoint: Endpoint) -> bool:
    """Return whether the server takes part in a TLS handshake."""
    try:
        with endpoint.connect() as connection, unverified().wrap_socket(connection):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def unverified() -> ssl.SSLContext:
    """Return a TLS context that accepts any certificate, to look at a server. It sends nothing that is secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context
