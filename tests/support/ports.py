"""Free ports of the loopback address."""

import socket


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def free_address() -> str:
    """Return HOST:PORT with such a port."""
    return f"127.0.0.1:{free_port()}"
