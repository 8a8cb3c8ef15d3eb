"""The certificate that a TLS server serves."""

import asyncio
import contextlib
import hashlib
import ssl
from typing import Final

from keyway.agent.settings import ServerCheck

_ATTEMPT_SECONDS: Final = 5.0
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 0.5


class HandshakeError(Exception):
    """A server that does not serve the expected certificate."""


async def wait_until_served(server: ServerCheck, expected: str) -> None:
    """Return when the server serves the certificate with this SHA-256 fingerprint, in hexadecimal.

    Raises HandshakeError if it does not within the time of the check.
    """
    place = f"{server.host}:{server.port}"
    problem, pause = f"{place} did not respond", _FIRST_PAUSE_SECONDS
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(server.seconds):
            while True:
                try:
                    served = await served_fingerprint(server)
                except (OSError, TimeoutError, UnicodeError) as error:
                    problem = f"the handshake with {place} failed: {_text(error)}"
                else:
                    if served == expected:
                        return
                    problem = f"{place} serves another certificate (SHA-256 {served[:16]}…)"
                # Most servers serve the new certificate a moment after the reload.
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    raise HandshakeError(f"{problem} for {server.seconds:g} s after the reload")


async def served_fingerprint(server: ServerCheck) -> str:
    """Return the SHA-256 fingerprint of the certificate that a new connection receives. Raises OSError, TimeoutError.

    The handshake proves that the server has the private key. Its issuer is not verified: the certificate is known.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(_ATTEMPT_SECONDS):
        _, writer = await asyncio.open_connection(
            server.host, server.port, ssl=context, server_hostname=server.server_name or ""
        )
    try:
        found: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return hashlib.sha256(found or b"").hexdigest()


def _text(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or type(error).__name__
    if isinstance(error, TimeoutError):
        return f"no response within {_ATTEMPT_SECONDS:g} s"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
