"""What every section of the configuration is made of: typed, frozen, no unknown keys, secrets that do not print.

A section stands beside what it configures (`audit/settings.py`); `config.py` puts them together.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretBytes, ValidationInfo


class ConfigError(ValueError):
    """The configuration can't be used; each line of the message names a key and what is wrong with it."""


class Settings(BaseModel):
    """A section of the configuration: no unknown keys, no changes after the start."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
    )


def as_bytes(value: object) -> object:
    """A text's bytes, for fields that take the content of a file; anything else as it is."""
    return value.encode() if isinstance(value, str) else value


FileContent = SecretBytes
"""The content of a file, usually given as `{file: PATH}`; may hold a secret."""


def content(file: SecretBytes | None) -> bytes | None:
    """What a file holds; an empty one is a file too, though it is false."""
    return file.get_secret_value() if file is not None else None


def _located(value: object, info: ValidationInfo) -> object:
    """A relative path starts at the folder of the configuration file, which the validation's context tells."""
    if isinstance(value, bytes) or (isinstance(value, str) and (not value or "\n" in value or "\0" in value)):
        raise ValueError("must be a path, not the content of a file: it is read again when it changes")
    if not isinstance(value, str | Path):
        raise ValueError("must be a path")  # noqa: TRY004 - pydantic reports ValueErrors
    base: Any = (info.context or {}).get("base", Path())
    return base / Path(value).expanduser()


Located = Annotated[Path, BeforeValidator(_located)]
"""A file or folder that is used by its path, since it changes while the gateway runs. Keys of files end in `_file`."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def listen_address(text: str) -> tuple[str, int] | None:
    """Host and port of HOST:PORT, an IPv6 address without its brackets; None where it is no such address."""
    parts = _LISTEN.fullmatch(text)
    if parts is None or int(parts["port"]) > 65_535:
        return None
    return parts["host"] or parts["ipv6"], int(parts["port"])


_LISTEN: Final = re.compile(r"(?:(?P<host>[^\[\]:]+)|\[(?P<ipv6>[^\[\]]*:[^\[\]]*)\]):(?P<port>[0-9]{1,5})")
