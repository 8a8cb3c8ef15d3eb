"""The choice between gRPC's two listeners, made from the configuration before gRPC is imported.

gRPC reads its environment when it is imported, and the settings classes import it with the stubs of the contract.
Therefore `choose_for_file` reads only the keys that matter from the file. It does not report problems of the file:
loading the whole configuration does that later.

The older listener (`iomgr`) uses less CPU per call, but one connection that sends many HTTP/2 control frames stops it
from serving others. `auto` selects it only if every peer that can send frames has a verified client certificate, or is
a program on this machine that may make every call anyway (docs/decisions/0015).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from gateway.config.base import ConfigError, is_loopback, listen_address
from gateway.config.loading import Document
from gateway.config.problems import Problems
from gateway.config.secret_references import resolve

GrpcListener = Literal["auto", "event_engine", "iomgr"]

DEFAULT_LISTEN: Final = "127.0.0.1:50051"
VARIABLE: Final = "GRPC_EXPERIMENTS"
_IOMGR: Final = "-event_engine_listener"
KEYS: Final = frozenset({"listen", "health_listen", "identity", "grpc_listener", "workers", "envoy_sds"})
"""The top-level keys that the choice depends on."""


def choose_for_file(path: Path, overrides: Mapping[str, object]) -> None:
    """Set the environment of this process for the configuration in a file. Call this before gRPC is imported.

    overrides: top-level values that replace those of the file. With several workers, this process serves only the
    health service, with the default listener; each worker gets an environment of its own.
    """
    values = {"listen": DEFAULT_LISTEN, **_values(path), **overrides}
    if values.get("workers") in (None, 1):
        os.environ.update(environment(values))


def environment(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the variables that select the listener of gRPC in the environment of a serving process.

    values: top-level values of the configuration. The result is empty if the operator has set the variable.
    """
    return {VARIABLE: _IOMGR} if uses_iomgr(values) and VARIABLE not in os.environ else {}


def uses_iomgr(values: Mapping[str, Any]) -> bool:
    """Return whether the older listener serves these top-level values of a configuration."""
    configured = values.get("grpc_listener", "auto")
    return configured == "iomgr" or (configured == "auto" and _is_iomgr_safe(values))


def is_unsafe(values: Mapping[str, Any]) -> bool:
    """Return whether the configuration selects the older listener although unauthenticated peers can reach it."""
    return values.get("grpc_listener") == "iomgr" and not _is_iomgr_safe(values)


def _is_iomgr_safe(values: Mapping[str, Any]) -> bool:
    identity = values.get("identity")
    open_addresses = [values.get("health_listen")]
    if identity is None:
        open_addresses.append(values.get("listen", ""))
    elif not isinstance(identity, Mapping) or identity.get("mtls") is None:
        return False  # every peer can connect, and is authenticated only by the tokens of its calls
    surface = values.get("envoy_sds")
    if isinstance(surface, Mapping):
        own = surface.get("identity")
        if own is not None and (not isinstance(own, Mapping) or own.get("mtls") is None):
            return False
        if own is None and identity is None:
            open_addresses.append(surface.get("listen", ""))
    return all(address is None or _is_local(address) for address in open_addresses)


def _is_local(address: object) -> bool:
    """Return whether only programs on this machine can reach HOST:PORT."""
    parts = listen_address(address) if isinstance(address, str) else None
    return parts is not None and is_loopback(parts[0])


def _values(path: Path) -> Mapping[str, Any]:
    """Return the values of KEYS in a file; none if it cannot be read."""
    try:
        tree = Document(path).tree
    except ConfigError:
        return {"grpc_listener": "event_engine"}
    if not isinstance(tree, dict):
        return {}
    return {key: resolve(value, path.parent, Problems(), (key,)) for key, value in tree.items() if key in KEYS}
