"""An issuer's keys from a file, read again when it changes."""

from hashlib import sha256
from pathlib import Path

import structlog

from gateway.config.base import ConfigError
from gateway.config.file_watcher import WatchedFiles
from gateway.identity import key_set
from gateway.identity.key_set import KeySet, KeySetError

_log = structlog.get_logger(__name__)


class JwksFile:
    """The keys in `path`. ConfigError where there are none at start; later the last good ones stay in use."""

    def __init__(self, path: Path, *, interval: float = 1.0) -> None:
        self._path = path
        self._watched = WatchedFiles([path], interval=interval)
        self._fault = ""
        try:
            self._digest, self._keys = self._read()
        except KeySetError as error:
            raise ConfigError(f"identity.jwt.jwks_file: {error}") from error

    async def start(self) -> None:
        """Nothing is left to do."""

    async def close(self) -> None:
        """Nothing is held."""

    def current(self) -> KeySet:
        """The keys; the same object as long as the file holds the same."""
        if self._watched.changed():
            self._renew()
        return self._keys

    async def look_again(self) -> None:
        """A token names a key that is not there."""
        if self._watched.changed(now=True):
            self._renew()

    def _renew(self) -> None:
        try:
            digest, keys = self._read()
        except KeySetError as error:
            self._watched.again()
            if str(error) != self._fault:
                self._fault = str(error)
                _log.warning("the changed JWKS file is not usable, the last good keys stay in use", fault=self._fault)
            return
        self._fault = ""
        if digest != self._digest:
            self._digest, self._keys = digest, keys
            _log.info("JWKS renewed", keys=len(keys))

    def _read(self) -> tuple[bytes, KeySet]:
        try:
            with self._path.open("rb") as file:
                content = file.read(key_set.MAXIMUM_BYTES + 1)
        except OSError as error:
            raise KeySetError(f"the file {self._path} can't be read: {error.strerror}") from error
        except ValueError as error:
            raise KeySetError("the file's path makes no sense") from error
        return sha256(content).digest(), key_set.parse(content)
