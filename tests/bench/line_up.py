"""The sets of competitors: each set compares servers under equal conditions."""

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
    Competitor("direct", "nginx, called directly", "direct"),
)

# Identity requires TLS, and policy requires identity, so only the journal and tracing can be on without TLS.
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
        "gateway, everything on, durability: os",
        "gateway",
        tls=True,
        parts=replace(EVERYTHING, audit="os"),
    ),
    Competitor("policy", "gateway, identity + policy", "gateway", tls=True, parts=Parts("jwt", policy=True)),
    *(replace(other, tls=True) for other in _OTHERS),
)

# The upstream side uses plaintext in all rows, so that only the caller's side differs. Identity, policy, and TLS
# require each other; the echo shows the cost of TLS alone.
TRUST: Final = (
    Competitor("bare", "bare", "gateway"),
    Competitor("audit", "bare + audit (fsync)", "gateway", parts=Parts(audit="fsync")),
    Competitor("policy", "bare + identity (JWT over TLS), policy", "gateway", parts=Parts("jwt", policy=True)),
    Competitor(
        "trust", "bare + identity, policy, audit (fsync)", "gateway", parts=Parts("jwt", policy=True, audit="fsync")
    ),
    Competitor("everything", "everything on (also tracing, 1 %)", "gateway", parts=EVERYTHING),
    Competitor("echo", "echo", "echo", upstream_tls=False),
    Competitor("echo-tls", "echo over TLS", "echo", tls=True, upstream_tls=False),
)

# Client certificates require ghz, so this set has its own bare row.
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
    "plaintext": "Plaintext on both sides",
    "tls": "TLS on both sides",
    "trust": "What each part adds: plaintext to the upstream",
    "mtls": "Client certificates: measured by ghz, plaintext to the upstream",
}

ONE_LEVEL: Final = frozenset({"trust", "mtls"})
"""Sets for which only CPU time is measured, with 64 concurrent calls."""


def competitor(set_name: str, name: str) -> Competitor:
    """The competitor with this name."""
    return next(one for one in SETS[set_name] if one.name == name)
