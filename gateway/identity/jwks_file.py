"""The keys of an issuer from a JWKS file, which is reloaded when it changes."""

from hashlib import sha256
from pathlib import Path

import structlog

from gateway.config.file_watcher import WatchedFiles
from gateway.config.load_state import LoadState
from gateway.config.problems import FileError
from gateway.identity import key_set
from gateway.identity.key_set import KeySet, KeySetError

_log = structlog.get_logger(__name__)


class JwksFile:
    """The keys in `path`. An unusable file raises FileError at start; later the last valid keys stay in use."""

    def __init__(self, path: Path, *, interval: float = 1.0) -> None:
        self._path = path
        self._watched = WatchedFiles([path], interval=interval)
        self._fault = ""
        self.load_state = LoadState()
        try:
            self._digest, self._keys = self._read()
        except KeySetError as error:
            raise FileError(f"identity.jwt.jwks_file: {error}", {("jwks_file",): [str(error)]}) from error

    async def start(self) -> None:
        """Do nothing: the file was read by the constructor."""

    async def close(self) -> None:
        """Do nothing: no resource is open."""

    def current(self) -> KeySet:
        """Return the keys: the same object until the content of the file changes."""
        if self._watched.changed():
            self._reload()
        return self._keys

    async def refresh(self) -> None:
        """Reload a changed file immediately, because a token names an unknown key."""
        if self._watched.changed(now=True):
            self._reload()

    def _reload(self) -> None:
        try:
            digest, keys = self._read()
        except KeySetError as error:
            self._watched.report_again()
            self.load_state.fail()
            if str(error) != self._fault:
                self._fault = str(error)
                _log.warning("jwks_file_rejected", error=self._fault, effect="the last valid keys stay in use")
            return
        self._fault = ""
        self.load_state.succeed()
        if digest != self._digest:
            self._digest, self._keys = digest, keys
            _log.info("jwks_reloaded", keys=len(keys))

    def _read(self) -> tuple[bytes, KeySet]:
        try:
            with self._path.open("rb") as file:
                content = file.read(key_set.MAXIMUM_BYTES + 1)
        except OSError as error:
            raise KeySetError(f"the file {self._path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise KeySetError("invalid file path") from error
        return sha256(content).digest(), key_set.parse(content)
