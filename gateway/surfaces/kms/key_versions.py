"""Key IDs of Kubernetes, and the key versions that they stand for. A key ID is never used for a second time.

Kubernetes requires that a key ID which was replaced does not return. The upstream's versions increase, so an older
version than the last one is rejected, also after a restart of the plugin.
"""

import hashlib
import json
from pathlib import Path
from typing import Final

import grpc
import structlog

from gateway.config.base import ConfigError
from gateway.journal.format import durable_files
from gateway.surfaces.kms.errors import KmsError

_LABEL: Final = "keyway.dev/kms-v2/key-id"

_log = structlog.get_logger(__name__)


def key_id(cluster: str, key: str, version: int) -> str:
    """Return the key ID of a key version: a hash, because etcd stores the key ID in plaintext."""
    return hashlib.sha256("\n".join((_LABEL, cluster, key, str(version))).encode()).hexdigest()


class HighestVersion:
    """The highest version of a key that the plugin has used, in a small file. Raises ConfigError for another file."""

    def __init__(self, file: Path, cluster: str, key: str) -> None:
        self._file = file
        self._about = {"cluster": cluster, "key": key}
        self._highest = self._read()

    def accept(self, version: int) -> None:
        """Store the version if it is new. Raises KmsError for a lower version than an earlier one."""
        if version < self._highest:
            text = (
                f"the upstream returned key version {version} after version {self._highest}, and key IDs must not be "
                "reused; create a new key version"
            )
            raise KmsError(grpc.StatusCode.FAILED_PRECONDITION, text)
        if version == self._highest:
            return
        self._highest = version
        try:
            durable_files.replace(self._file, json.dumps({**self._about, "version": version}).encode())
        except OSError as error:
            _log.warning("key_version_not_stored", file=str(self._file), error=error.strerror)

    def _read(self) -> int:
        try:
            found = json.loads(self._file.read_bytes())
            version = int(found.pop("version"))
            return version if found == self._about else -1
        except FileNotFoundError:
            return -1
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError(f"{self._file}: cannot be read as the key version of this plugin") from None
