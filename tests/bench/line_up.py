"""The sets of competitors: like against like."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tests.bench.competitors import GET_PUBLIC_KEY, Competitor
from tests.bench.gateway_settings import EVERYTHING, Parts

_OTHERS: Final = (
    Competitor("naive", "naive gateway: grpc.aio + aiohttp", "naive"),
    Competitor("naive-uvloop", "naive gateway, uvloop", "naive", uvloop=True),
    Competitor("echo", "grpc.aio echo, no upstream", "echo"),
    Competitor("openbao", "OpenBao transit, token + audit file", "openbao"),
    Competitor("direct", "nginx asked directly", "direct"),
)

# Identity needs TLS, so nothing in clear has it, and without it there is no policy: what can be on is the record.
PLAINTEXT: Final = (
    Competitor("bare", "gateway, bare", "gateway"),
    Competitor("audit", "gateway, audit (fsync) + tracing", "gateway", parts=Parts(audit="fsync", tracing=True)),
    Competitor("public-key", "gateway, bare, GetPublicKey", "gateway", method=GET_PUBLIC_KEY),
    Competitor("cached", "gateway, GetPublicKey, cached", "gateway", method=GET_PUBLIC_KEY, parts=Parts(cache=True)),
    Competitor("workers", "gateway, bare, 2 workers", "gateway", parts=Parts(workers=2)),
    *_OTHERS,
)

TLS: Final = (
    Competitor("everything", "gateway, everything on", "gateway", tls=True, parts=EVERYTHING),
    Competitor(
        "everything-os",
        "gateway, everything, durability: os",
        "gateway",
        tls=True,
        parts=replace(EVERYTHING, audit="os"),
    ),
    Competitor("policy", "gateway, identity + policy", "gateway", tls=True, parts=Parts("jwt", policy=True)),
    *(replace(other, tls=True) for other in _OTHERS),
)

# The upstream's side stays in clear: what is told apart is what is added on the caller's. There is no identity without
# policy and none without TLS, so these three come together; the echo tells TLS's share.
TRUST: Final = (
    Competitor("bare", "bare", "gateway"),
    Competitor("audit", "+ audit alone (fsync)", "gateway", parts=Parts(audit="fsync")),
    Competitor("policy", "+ identity (JWT over TLS) and policy", "gateway", parts=Parts("jwt", policy=True)),
    Competitor("trust", "+ identity, policy, audit (fsync)", "gateway", parts=Parts("jwt", policy=True, audit="fsync")),
    Competitor("everything", "everything (and tracing 1 %)", "gateway", parts=EVERYTHING),
    Competitor("echo", "echo", "echo", upstream_tls=False),
    Competitor("echo-tls", "echo over TLS", "echo", tls=True, upstream_tls=False),
)

# Client certificates need the other generator, so its own bare row stands beside it.
MTLS: Final = (
    Competitor("bare", "gateway, bare", "gateway", generator="ghz"),
    Competitor(
        "everything",
        "gateway, everything on, mTLS",
        "gateway",
        parts=replace(EVERYTHING, identity="mtls"),
        generator="ghz",
    ),
    Competitor("naive", "naive gateway: grpc.aio + aiohttp", "naive", generator="ghz"),
)

SETS: Final[Mapping[str, Sequence[Competitor]]] = {"plaintext": PLAINTEXT, "tls": TLS, "trust": TRUST, "mtls": MTLS}

TITLES: Final[Mapping[str, str]] = {
    "plaintext": "In clear, on both sides",
    "tls": "TLS on both sides",
    "trust": "What each part adds: upstream in clear",
    "mtls": "Client certificates: measured by ghz, upstream in clear",
}

ONE_LEVEL: Final = frozenset({"trust", "mtls"})
"""Sets that are about CPU time alone, which is measured with 64 calls at once."""
