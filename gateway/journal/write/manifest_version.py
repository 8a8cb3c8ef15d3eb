"""The newest version of the manifest that a writer knows. Its checkpoints name it.

So an older manifest contradicts every chain whose writer knew a newer one, and not only the chain that it leaves out.
"""

import os
from pathlib import Path

from gateway.journal.format import manifest as manifests
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.manifest import MANIFEST, MalformedManifest


class ManifestVersion:
    """version: the newest known version. `update` reads the manifest only if the file was replaced."""

    def __init__(self, directory: Path, version: int) -> None:
        self.version = version
        self._directory = directory
        self._seen: tuple[int, int] | None = None

    def update(self, key: JournalPublicKey) -> int:
        """Return the newest version, also after other workers changed the manifest. key: the key that must sign it."""
        try:
            status = os.stat(self._directory / MANIFEST)
            if (seen := (status.st_ino, status.st_mtime_ns)) != self._seen:
                self._seen = seen
                manifest = manifests.load(self._directory)
                if manifest is not None and manifest.key.id == key.id:
                    self.version = max(self.version, manifest.version)
        except (OSError, MalformedManifest):
            pass  # the next start and verification report it
        return self.version
