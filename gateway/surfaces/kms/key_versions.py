"""Key IDs for Kubernetes, and the key versions that they identify.

Kubernetes requires that a key ID that was replaced is never used again. The upstream's versions increase, so a version
that is lower than the last one is rejected, also after a restart of the plugin.
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
    """The highest used version of each key of this plugin, in a small file. Raises ConfigError for an invalid file."""

    def __init__(self, file: Path, cluster: str, key: str) -> None:
        self._file = file
        self._name = f"{cluster} {key}"
        latest, self._versions = self._read()
        used = self._versions.get(self._name)
        # If another key was used since then, the highest used version must not be used again either.
        self._lowest = 0 if used is None else used + (latest != self._name)

    def accept(self, version: int) -> None:
        """Store the version if it is new. Raises KmsError for a version whose key ID must not be used again."""
        if version < self._lowest:
            text = (
                f"the upstream returned key version {version}, but version {self._lowest} or higher is required, "
                "because key IDs must not be reused; create a new key version"
            )
            raise KmsError(grpc.StatusCode.FAILED_PRECONDITION, text)
        if version == self._versions.get(self._name):
            return
        self._lowest = self._versions[self._name] = version
        content = json.dumps({"latest": self._name, "versions": self._versions})
        try:
            durable_files.replace(self._file, content.encode())
        except OSError as error:
            _log.warning("key_version_not_stored", file=str(self._file), error=error.strerror)

    def _read(self) -> tuple[str, dict[str, int]]:
        """Return the key that was used last, and the highest version of each key."""
        try:
            found = json.loads(self._file.read_bytes())
            return str(found["latest"]), {str(name): int(version) for name, version in found["versions"].items()}
        except FileNotFoundError:
            return "", {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError(f"{self._file}: cannot be read as the key versions of this plugin") from None
