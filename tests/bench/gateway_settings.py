"""The gateway's configuration for the benchmark, with each part on or off.

"On" is a typical installation: one identity, a policy that names the caller and its actions among other rules, limits
that are checked but never reached, the journal, and one call in a hundred traced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from tests.bench.material import APP_KEY, CERTIFICATES, PROVIDER, SPIFFE_ID, SUBJECT, Material
from tests.support.authority import AUDIENCE, ISSUER

_UNREACHED: Final = {"rate": 1_000_000, "burst": 1_000_000, "concurrency": 100_000}
_CACHE_SECONDS: Final = 3600
_POLICY: Final = """
permit (
    principal == {caller},
    action in [Keyway::Action::"Encrypt", Keyway::Action::"Decrypt", Keyway::Action::"GetPublicKey"],
    resource
);
permit (principal == Keyway::Caller::"sub:auditor", action in Keyway::Action::"ReadMetadata", resource);
permit (principal == Keyway::Caller::"sub:web", action == Keyway::Action::"DownloadCertificate", resource);
permit (principal == Keyway::Caller::"sub:operator", action in Keyway::Action::"ManageCertificates", resource);
"""


@dataclass(frozen=True)
class Parts:
    """The enabled parts. Identity and policy go together and require TLS for callers. workers: serving processes.
    query: whether the journal is indexed. connections: the most connections of callers, if not the default.
    """

    identity: Literal["jwt", "mtls"] | None = None
    policy: bool = False
    audit: Literal["fsync", "os"] | None = None
    tracing: bool = False
    cache: bool = False
    workers: int = 1
    query: bool = False
    connections: int | None = None


BARE: Final = Parts()
EVERYTHING: Final = Parts("jwt", policy=True, audit="fsync", tracing=True)


def write(
    material: Material,
    folder: Path,
    parts: Parts,
    *,
    port: int,
    upstream: str,
    sink: int,
    others: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write the configuration file. The gateway writes below `folder`. sink: port of the telemetry sink.

    others: additional providers.
    """
    provider: dict[str, Any] = {
        "id": PROVIDER,
        "type": "nhn-secure-key-manager",
        "endpoint": upstream,
        "app_key": APP_KEY,
        # The concurrency of the largest measurement.
        "maximum_connections": 256,
    }
    if upstream.startswith("https:"):
        provider["ca_certificates"] = {"file": str(material.authority_file)}
    if parts.cache:
        provider["cache"] = {"ttl": _CACHE_SECONDS}
    settings: dict[str, Any] = {"listen": f"127.0.0.1:{port}", "drain_delay": 0, "providers": [provider, *others]}
    if parts.connections is not None:
        settings["maximum_connections"] = parts.connections
    if parts.workers > 1:
        settings["workers"] = parts.workers
    if parts.identity is not None:
        settings["identity"] = _identity(material, parts.identity)
        settings["limits"] = {"server_concurrency": 100_000, "caller": _UNREACHED}
    if parts.policy:
        settings["policy"] = {"policy_files": [str(_policy_file(folder, parts))]}
    if parts.audit is not None:
        settings["audit"] = {"directory": str(folder / "journal"), "durability": parts.audit}
        if parts.query:
            settings["audit"]["query"] = {}
    if parts.tracing:
        settings["telemetry"] = {"endpoint": f"http://127.0.0.1:{sink}", "traces": {"sample_ratio": 0.01}}
    path = folder / "keyway.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return path


def certificates(endpoint: str, name: str = CERTIFICATES) -> dict[str, Any]:
    """A Certificate Manager."""
    return {"id": name, "type": "nhn-certificate-manager", "endpoint": endpoint, "app_key": APP_KEY}


def _identity(material: Material, kind: str) -> dict[str, Any]:
    certificate, private_key = material.server_files
    own: dict[str, Any] = {"certificate_file": str(certificate), "private_key_file": str(private_key)}
    if kind == "mtls":
        return {**own, "mtls": {"trust_bundle_file": str(material.authority_file)}}
    return {**own, "jwt": {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(material.jwks_file)}}


def _policy_file(folder: Path, parts: Parts) -> Path:
    name = SPIFFE_ID if parts.identity == "mtls" else f"sub:{SUBJECT}"
    path = folder / "policy.cedar"
    path.write_text(_POLICY.format(caller=f'Keyway::Caller::"{name}"'))
    return path
