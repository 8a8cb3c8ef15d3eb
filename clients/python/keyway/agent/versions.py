"""The directory of one certificate: one folder for each version, and the symbolic link `current`.

A version never changes after it is written. The link moves to a new version in one step, so a program that opens
`current` once and then reads all files from it never sees files of two versions. `DIR/current/FILE` is always complete.
"""

import contextlib
import datetime as dt
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from keyway.agent.material import Material, fingerprint
from keyway.agent.outputs import OutputFile, layout

CURRENT: Final = "current"
_VERSIONS: Final = "versions"
_MANIFEST: Final = ".keyway-agent.json"
_UNFINISHED: Final = ".new-"
_FOLDER_MODE: Final = 0o755


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version contains. Times are in seconds since 1970. layout: see `outputs.layout`."""

    version: str
    certificate: str
    fingerprint: str
    not_after: float
    written: float
    layout: str

    @property
    def expiry(self) -> dt.datetime:
        """The end of the validity period."""
        return dt.datetime.fromtimestamp(self.not_after, dt.UTC)


class VersionedDirectory:
    """The files of one certificate. All methods raise OSError."""

    def __init__(self, root: Path, certificate: str, outputs: Sequence[OutputFile]) -> None:
        self._root = root
        self._versions = root / _VERSIONS
        self._certificate = certificate
        self._outputs = outputs

    def write(self, material: Material, now: dt.datetime) -> str:
        """Write a new version; return its name. The link does not change yet. Raises MaterialError too."""
        contents = {output: output.content(material) for output in self._outputs}
        manifest = Manifest(
            material.version,
            self._certificate,
            fingerprint(material.leaf),
            material.leaf.not_valid_after_utc.timestamp(),
            now.timestamp(),
            layout(self._outputs),
        )
        _make_folders(self._versions)
        name = f"{now:%Y%m%dT%H%M%S.%fZ}-{material.version[:12]}"
        unfinished = self._versions / f"{_UNFINISHED}{secrets.token_hex(8)}"
        try:
            self._fill(unfinished, contents, manifest)
            unfinished.rename(self._versions / name)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        _sync(self._versions)
        return name

    def _fill(self, folder: Path, contents: Mapping[OutputFile, bytes], manifest: Manifest) -> None:
        folder.mkdir(mode=0o700)
        for output, data in contents.items():
            descriptor = os.open(folder / output.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                output.apply_permissions(descriptor)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        _write(folder / _MANIFEST, json.dumps(asdict(manifest)).encode())
        folder.chmod(_FOLDER_MODE)
        _sync(folder)

    def current(self) -> str | None:
        """Return the name of the version that the link points to; None if there is no link."""
        try:
            target = os.readlink(self._root / CURRENT)
        except OSError:
            return None
        return Path(target).name

    def manifest(self, name: str | None = None) -> Manifest | None:
        """Return the manifest of a version, by default the current one; None if the version is missing or damaged."""
        folder = self._root / CURRENT if name is None else self._versions / name
        try:
            found = Manifest(**json.loads((folder / _MANIFEST).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        # Someone has removed a file.
        complete = all((folder / output.file).is_file() for output in self._outputs)
        return found if complete or found.layout != layout(self._outputs) else None

    def switch(self, name: str) -> None:
        """Let the link point to a version, in one step."""
        temporary = self._root / f".{CURRENT}-{secrets.token_hex(8)}"
        temporary.symlink_to(Path(_VERSIONS) / name)
        try:
            temporary.rename(self._root / CURRENT)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(self._root)

    def remove(self, name: str) -> None:
        """Remove a version that is not current."""
        if name != self.current():
            shutil.rmtree(self._versions / name, ignore_errors=True)

    def prune(self, previous: str | None = None) -> None:
        """Remove old versions, and what an interrupted installation left.

        Programs can still be reading the version before the current one, so it stays. previous: its name. By default,
        it is the newest of the other versions, which can be wrong if the clock was set back.
        """
        if not self._versions.is_dir():
            return
        current = self.current()
        names = {each.name for each in self._versions.iterdir()}
        others = sorted(name for name in names if not name.startswith(_UNFINISHED) and name != current)
        kept = previous if previous in others else max(others, default=None)
        for name in names - {current, kept}:
            shutil.rmtree(self._versions / name, ignore_errors=True)
        for left in self._root.glob(f".{CURRENT}-*"):
            with contextlib.suppress(FileNotFoundError):
                left.unlink()

    def apply_permissions(self) -> None:
        """Set owner, group, and mode of the current files again, in case someone changed them.

        Raises MaterialError too, for an unknown user or group.
        """
        for output in self._outputs:
            descriptor = os.open(self._root / CURRENT / output.file, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                output.apply_permissions(descriptor)
            finally:
                os.close(descriptor)


def _make_folders(path: Path) -> None:
    """Make missing folders, which servers of other users can enter whatever the umask is. The files have own modes."""
    if not path.is_dir():
        _make_folders(path.parent)
        path.mkdir(exist_ok=True)
        path.chmod(_FOLDER_MODE)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
