"""What programs read before they use an engine: health, the mounts, and the caller's token."""

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway import __version__
from gateway.authz.principals import caller_id
from gateway.surfaces.vault.api_request import Answer, VaultRequest
from gateway.surfaces.vault.errors import VaultError
from keyway.v1 import provider_service_pb2 as providers

VERSION: Final = f"1.17.0+keyway.{__version__}"
"""Programs select their behavior by the version of Vault. This version has all methods that the gateway serves."""
_PROVIDERS_PER_PAGE: Final = 1000
_MOUNT: Final[Mapping[str, Any]] = {
    "type": "kv",
    "description": "",
    "accessor": "",
    "uuid": "",
    "config": {"default_lease_ttl": 0, "max_lease_ttl": 0, "force_no_cache": False},
    "options": {"version": "2"},
    "local": False,
    "seal_wrap": False,
    "external_entropy_access": False,
    "plugin_version": "",
    "running_plugin_version": "",
    "running_sha256": "",
    "deprecation_status": "",
}
"""Programs that use transit do not read the type of a mount, and those that read values need version 2 of `kv`."""


def health(*, available: bool) -> Mapping[str, Any]:
    """Return the body of `sys/health`. The gateway is sealed, in Vault's terms, if it accepts no calls."""
    return {
        "initialized": True,
        "sealed": not available,
        "standby": False,
        "performance_standby": False,
        "replication_performance_mode": "disabled",
        "replication_dr_mode": "disabled",
        "server_time_utc": int(time.time()),
        "version": VERSION,
        "cluster_name": "keyway",
        "cluster_id": "",
    }


def seal_status(*, available: bool) -> Mapping[str, Any]:
    """Return the body of `sys/seal-status`."""
    return {
        "type": "keyway",
        "initialized": True,
        "sealed": not available,
        "t": 1,
        "n": 1,
        "progress": 0,
        "nonce": "",
        "version": VERSION,
        "build_date": "",
        "migration": False,
        "cluster_name": "keyway",
        "cluster_id": "",
        "recovery_seal": False,
        "storage_type": "",
    }


async def mounts(request: VaultRequest) -> Answer:
    """Return the providers that the caller may see, as mounts. Raises GatewayError."""
    listed = await request.calls.call("list_providers", providers.ListProvidersRequest(page_size=_PROVIDERS_PER_PAGE))
    return Answer({f"{each.name.split('/')[1]}/": _MOUNT for each in listed.providers}, top_level=True)


async def visible_mounts(request: VaultRequest) -> Answer:
    """Return the same in the form of `sys/internal/ui/mounts`. Raises GatewayError."""
    found = await mounts(request)
    return Answer({"secret": found.data, "auth": {}})


async def mount_of_path(request: VaultRequest) -> Answer:
    """Return the mount of a path. It is the same for every path, so it does not reveal which providers exist."""
    return Answer({**_MOUNT, "path": f"{request.path[4]}/"})


async def lookup_self(request: VaultRequest) -> Answer:
    """Return the caller in the form of a token. OpenBao Agent reads its token from `id`."""
    caller, now = request.calls.caller, time.time()
    is_limited = math.isfinite(caller.expires)
    expires = datetime.fromtimestamp(caller.expires, UTC) if is_limited else None
    return Answer(
        {
            "accessor": "",
            "creation_time": 0,
            "creation_ttl": 0,
            "display_name": caller_id(caller),
            "entity_id": "",
            "expire_time": f"{expires:%Y-%m-%dT%H:%M:%SZ}" if expires is not None else None,
            "explicit_max_ttl": 0,
            "id": request.token,
            "issue_time": None,
            "meta": None,
            "num_uses": 0,
            "orphan": True,
            "path": "auth/keyway",
            "policies": [],
            "renewable": False,
            "ttl": max(0, int(caller.expires - now)) if is_limited else 0,
            "type": "service",
        }
    )


async def renew_self(_request: VaultRequest) -> Answer:
    """Reject the renewal of a token: its issuer issues a new one."""
    raise VaultError(400, "the token is not renewable: request a new one from its issuer")
