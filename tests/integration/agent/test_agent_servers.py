"""The renewal agent with real servers and the examples of `deploy/agent`: renewals under load."""

import os
import statistics
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.agent import AgentFolder, RenewedCertificate, RunningAgent, installed_without_server
from tests.support.stack import Stack
from tests.support.tls_servers import HandshakeWatcher, HaProxy, Nginx, PairReader, TlsServer

RENEWALS = int(os.environ.get("KEYWAY_AGENT_RENEWALS", "5"))
"""How many renewals. docs/testing.md names the variable."""
LONG = 50
POLL_SECONDS = 1.1
"""The polling interval of the test, with its random part."""
RELOAD_SECONDS = 5.0
"""The most that a download, a check, a reload, and a handshake may take."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("kind", "pair"),
    [(Nginx, ("fullchain.pem", "private.key")), (HaProxy, ("site.pem", "site.pem"))],
    ids=["nginx", "haproxy"],
)
async def test_renewals_are_served_without_a_failed_handshake(
    stack: Stack, tmp_path: Path, kind: type[TlsServer], pair: tuple[str, str]
) -> None:
    renewed = RenewedCertificate(stack)
    first = await renewed.renew()
    files = AgentFolder(tmp_path, stack.gateway.address, renewed.resource)
    files.take_example(kind.program_name)
    server = kind(tmp_path, files.current)
    server.command()  # skips the test without the program
    await installed_without_server(files, first)
    files.certificate |= server.actions()
    async with (
        server.running(),
        RunningAgent(files) as agent,
        HandshakeWatcher(server.port).running() as handshakes,
        PairReader(files.current, pair).running() as reader,
    ):
        await handshakes.until_seen(first.certificate.fingerprint(SHA256()).hex())
        delays = []
        for _ in range(RENEWALS):
            issued = await renewed.renew()
            start = time.monotonic()
            await agent.until_installed(issued)
            await handshakes.until_seen(issued.certificate.fingerprint(SHA256()).hex())
            delays.append(time.monotonic() - start)
    assert (handshakes.failures, reader.mixed) == ([], [])
    expected = [each.certificate.fingerprint(SHA256()).hex() for each in renewed.issued]
    assert list(dict.fromkeys(handshakes.seen)) == expected
    assert reader.reads > RENEWALS
    assert handshakes.connections > RENEWALS
    print("seconds until the new certificate is served: median, maximum", statistics.median(delays), max(delays))
    if RENEWALS >= LONG:  # only then, because a busy machine must not fail the short version
        assert max(delays) < POLL_SECONDS + RELOAD_SECONDS
