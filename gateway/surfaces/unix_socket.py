"""Unix sockets of surfaces: the folder keeps other users out, and every program that connects is one configured caller.

gRPC for Python does not reveal the user of a peer, so the rights of the folder are what protects the socket.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from gateway.config.base import ConfigError
from gateway.identity.caller import Caller
from gateway.server.authenticators import Authenticator
from gateway.server.rpc_context import ServicerContext
from gateway.telemetry.context import Metadata

PREFIX: Final = "unix:"
_MODE: Final = 0o700


def prepare(path: Path) -> str:
    """Create the folder of a socket, check its rights, and remove an old socket. Return the address for gRPC.

    Raises ConfigError if other users can reach the socket, or if the path is another kind of file.
    """
    path.parent.mkdir(mode=_MODE, parents=True, exist_ok=True)
    found = os.lstat(path.parent)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(f"{path.parent}: must be a folder of this user with mode 0700")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ConfigError(f"{path}: exists, and is not a socket")
        path.unlink()
    return f"{PREFIX}{path}"


async def caller_of(
    transport: ServicerContext, metadata: Metadata, authenticator: Authenticator, unix_caller: Caller | None
) -> Caller:
    """Return the caller of a stream: the configured one at the Unix socket, otherwise the authenticated one."""
    if unix_caller is not None and transport.peer().startswith(PREFIX):
        return unix_caller
    return await authenticator.authenticate(transport, metadata)
