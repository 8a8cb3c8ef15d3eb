"""Unix sockets of surfaces: the folder keeps other users out, and every program that connects is one configured caller.

gRPC for Python does not reveal the user of a peer, so the rights of the folder are what protects the socket.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
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
    _private_folder(path.parent)
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ConfigError(f"{path}: exists, and is not a socket")
        path.unlink()
    return f"{PREFIX}{path}"


def _private_folder(folder: Path) -> None:
    """Create a folder if it is missing. Raises ConfigError if other users can reach its files."""
    folder.mkdir(mode=_MODE, parents=True, exist_ok=True)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(f"{folder}: must be a folder of this user with mode 0700")


@contextlib.contextmanager
def prepared_alone(path: Path) -> Iterator[str]:
    """Do what `prepare` does, for a socket that only one process serves at a time. The lock is held in the block.

    Raises ConfigError also while another process serves the socket, which would otherwise lose it.
    """
    _private_folder(path.parent)
    with path.with_name(f"{path.name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{path}: another process serves this socket") from None
        yield prepare(path)


async def caller_of(
    transport: ServicerContext, metadata: Metadata, authenticator: Authenticator, unix_caller: Caller | None
) -> Caller:
    """Return the caller of a stream: the configured one at the Unix socket, otherwise the authenticated one."""
    if unix_caller is not None and transport.peer().startswith(PREFIX):
        return unix_caller
    return await authenticator.authenticate(transport, metadata)
