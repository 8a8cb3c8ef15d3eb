"""What the gateway hands to the shipper's process: one line of JSON through a pipe, since it may hold secrets.

Nothing of it stands on a command line or in the environment, and the shipper gets no secret but its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson
from pydantic import BaseModel, SecretBytes, SecretStr

from gateway.journal.ship.settings import ShipSettings


@dataclass(frozen=True, slots=True)
class Handover:
    """What to ship and where to; how to log."""

    directory: Path
    settings: ShipSettings
    log_level: str
    log_format: str

    def line(self) -> bytes:
        """As it goes through the pipe."""
        value = {
            "directory": str(self.directory.absolute()),
            "settings": _plain(self.settings),
            "log_level": self.log_level,
            "log_format": self.log_format,
        }
        return orjson.dumps(value) + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """What `line` made."""
        value: Mapping[str, Any] = orjson.loads(line)
        settings = ShipSettings.model_validate(value["settings"])
        return cls(Path(value["directory"]), settings, value["log_level"], value["log_format"])


def _plain(value: object) -> object:
    """Settings as the values that they are made from, secrets in the clear."""
    match value:
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case SecretStr():
            return value.get_secret_value()
        case SecretBytes():
            # PEM, in which only remarks can be anything but ASCII.
            return value.get_secret_value().decode("ascii", "replace")
        case _:
            return value
