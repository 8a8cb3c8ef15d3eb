"""Recognition of connection problems, from gRPC messages and from errors of the gateway."""

from typing import Final

from keyway.problems import BY_MESSAGE, BY_REASON, Problem

_UNAUTHENTICATED: Final = "UNAUTHENTICATED"
_TEXTS: Final = (
    ("Connection refused", Problem.REFUSED),
    ("error: No such file or directory", Problem.REFUSED),  # the address is a Unix socket
    ("connect: No such file or directory", Problem.REFUSED),  # the same in grpcio 1.72
    ("Domain name not found", Problem.UNRESOLVED),
    ("No route to host", Problem.UNREACHABLE),
    ("Network is unreachable", Problem.UNREACHABLE),
    ("WRONG_VERSION_NUMBER", Problem.PLAINTEXT_REQUIRED),
    ("certificate has expired", Problem.EXPIRED),
    ("certificate is not yet valid", Problem.NOT_YET_VALID),
    ("CERTIFICATE_VERIFY_FAILED", Problem.UNTRUSTED),
    ("Hostname Verification Check failed", Problem.HOST_NAME),
    ("is not in peer certificate", Problem.HOST_NAME),  # grpcio before 1.73
    ("Failed to create security handshaker", Problem.INVALID_FILES),
    ("Cannot check peer: missing selected ALPN property", Problem.NOT_HTTP2),
)
_NOT_CONNECTED: Final = "connections to all backends failing"


def recognized(text: str, *, plaintext: bool, certificate: bool) -> Problem | None:
    """Return the problem that the gRPC message of an UNAVAILABLE error describes; None if it is not recognized.

    plaintext: whether the client connects without TLS. certificate: whether it has a client certificate.
    """
    for part, problem in _TEXTS:
        if part in text:
            return problem
    # If an established connection breaks, the message contains only the first of these texts.
    if "Socket closed" not in text or _NOT_CONNECTED not in text:
        return None
    if plaintext:
        return Problem.TLS_REQUIRED
    return Problem.CLIENT_CERTIFICATE_REJECTED if certificate else Problem.CLIENT_CERTIFICATE_MISSING


def of_gateway(reason: str, message: str) -> Problem | None:
    """Return the problem that an error of the gateway states; None if the error is not about the caller."""
    return BY_MESSAGE.get(message) if reason == _UNAUTHENTICATED else BY_REASON.get(reason)
