"""The paths that the gateway serves, and the operation for each of them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote

from gateway.contract.methods import METHODS_BY_OPERATION
from gateway.surfaces.vault import key_facts, key_values, system, transit
from gateway.surfaces.vault.api_request import Answer, VaultRequest
from gateway.surfaces.vault.errors import VaultError

METHODS: Final = tuple(
    METHODS_BY_OPERATION[operation]
    for operation in (
        "encrypt",
        "decrypt",
        "batch_encrypt",
        "batch_decrypt",
        "generate_data_key",
        "get_public_key",
        "get_secret",
        "download_certificate",
        "list_providers",
    )
)
"""The methods of the contract that the surface calls."""

ApiOperation = Callable[[VaultRequest], Awaitable[Answer]]

READ: Final = frozenset({"GET"})
WRITE: Final = frozenset({"POST", "PUT"})
_PREFIX: Final = "/v1/"
_MAXIMUM_SEGMENTS: Final = 32
_ANY: Final = "*"
_REST: Final = "**"


class Route(NamedTuple):
    """A path that is served. pattern: `*` matches one segment, and `**` one or more at the end."""

    methods: frozenset[str]
    pattern: tuple[str, ...]
    operation: ApiOperation

    def matches(self, path: Sequence[str]) -> bool:
        """Return whether the route serves a path."""
        fixed = self.pattern[:-1] if self.pattern[-1] == _REST else self.pattern
        if len(path) < len(self.pattern) or (fixed is self.pattern and len(path) > len(fixed)):
            return False
        return all(part in (_ANY, segment) for part, segment in zip(fixed, path, strict=False))


def _route(methods: frozenset[str], path: str, operation: ApiOperation) -> Route:
    return Route(methods, tuple(path.split("/")), operation)


ROUTES: Final = (
    _route(READ, "sys/mounts", system.mounts),
    _route(READ, "sys/internal/ui/mounts", system.visible_mounts),
    _route(READ, "sys/internal/ui/mounts/**", system.mount_of_path),
    _route(READ | WRITE, "auth/token/lookup-self", system.lookup_self),
    _route(WRITE, "auth/token/renew-self", system.renew_self),
    _route(WRITE, "*/encrypt/*", transit.encrypt),
    _route(WRITE, "*/decrypt/*", transit.decrypt),
    _route(WRITE, "*/rewrap/*", transit.rewrap),
    _route(WRITE, "*/datakey/plaintext/*", transit.data_key),
    _route(WRITE, "*/datakey/wrapped/*", transit.data_key),
    _route(READ, "*/keys/*", key_facts.read_key),
    _route(READ, f"*/data/{key_values.CERTIFICATES}/*", key_values.read_certificate),
    _route(READ, "*/data/*", key_values.read_secret),
)
"""The first route that matches a path serves it."""

_RESERVED: Final = frozenset({"sys", "auth", "identity", "cubbyhole"})
"""First segments that are not mounts of providers."""

UNSUPPORTED: Final = frozenset({"hmac", "sign", "verify", "random", "hash", "export", "backup", "restore", "metadata"})
"""Parts of Vault's engines that the gateway does not offer. All other paths of a mount are unknown."""


def parse_target(target: str) -> tuple[Sequence[str], dict[str, str]]:
    """Return the decoded segments after `/v1/`, and the query, of a request target. Raises VaultError."""
    path, _, query = target.partition("?")
    if not path.startswith(_PREFIX):
        raise _unknown_path()
    segments = path.removeprefix(_PREFIX).rstrip("/").split("/")
    if len(segments) > _MAXIMUM_SEGMENTS:
        raise _unknown_path()
    try:
        decoded = [unquote(each, errors="strict") for each in segments]
        parameters = dict(parse_qsl(query, keep_blank_values=True, errors="strict"))
    except ValueError:
        raise VaultError(400, "the path or the query is not valid UTF-8") from None
    if any(not each or "/" in each for each in decoded):
        raise _unknown_path()
    return decoded, parameters


def find_operation(method: str, path: Sequence[str]) -> ApiOperation:
    """Return the operation for a request. Raises VaultError."""
    for route in ROUTES:
        if not route.matches(path) or (route.pattern[0] == _ANY and path[0] in _RESERVED):
            continue
        if method in route.methods:
            return route.operation
        raise VaultError(405, f"unsupported operation: the path accepts {', '.join(sorted(route.methods))}")
    if path[0] not in _RESERVED and len(path) > 1 and path[1] in UNSUPPORTED:
        raise VaultError(405, f"unsupported operation: the gateway does not offer {path[1]}")
    raise _unknown_path()


def _unknown_path() -> VaultError:
    return VaultError(404, "no handler for this path")
