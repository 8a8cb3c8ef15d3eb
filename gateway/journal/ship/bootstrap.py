"""The settings that the gateway passes to the shipper process: one line of JSON, sent through a pipe.

The settings can contain secrets, so they are not passed on the command line or in the environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import BaseModel, SecretBytes, SecretStr

from gateway.journal.ship.settings import ShipSettings


@dataclass(frozen=True, slots=True)
class ShipperBootstrap:
    """What to ship, where to ship it, how to log, and the configured file of the signing key."""

    directory: Path
    settings: ShipSettings
    log_level: str
    log_format: str
    signing_key_file: Path | None = None

    def line(self) -> bytes:
        """Return the line that is sent through the pipe."""
        value = {
            "directory": str(self.directory.absolute()),
            "settings": _plain(self.settings),
            "log_level": self.log_level,
            "log_format": self.log_format,
            "signing_key_file": str(self.signing_key_file.absolute()) if self.signing_key_file is not None else None,
        }
        return orjson.dumps(value) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read a line made by `line`."""
        value: Mapping[str, Any] = orjson.loads(line)
        settings = ShipSettings.model_validate(value["settings"])
        key = value["signing_key_file"]
        return cls(
            Path(value["directory"]),
            settings,
            value["log_level"],
            value["log_format"],
            Path(key) if key is not None else None,
        )


def _plain(value: object) -> object:
    """Settings as plain values, with secrets in clear text."""
    match value:
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case SecretStr():
            return value.get_secret_value()
        case SecretBytes():
            # PEM is ASCII, except for comments between its blocks.
            return value.get_secret_value().decode("ascii", "replace")
        case _:
            return value
