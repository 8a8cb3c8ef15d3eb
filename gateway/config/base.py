"""Base class and shared types of all settings.

Each section of the configuration is defined next to the code that it configures, for example
`gateway/journal/settings.py`. `gateway/gateway_settings.py` composes the sections.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretBytes,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class ConfigError(ValueError):
    """The configuration can't be used. Each line of the message names one problem and where it is."""


READ_ON_CHANGE: Final[JsonDict] = {"x-reload": "file"}
"""Reload metadata of a setting that names a file which the running gateway reads again when it changes."""
RESTART: Final[JsonDict] = {"x-reload": "restart"}
"""Reload metadata of a setting that only a restart changes. `config/reference.py` explains the other values."""


class Settings(BaseModel):
    """A section of the configuration: unknown keys are errors, values never change, secrets are not printed."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
    )


def as_bytes(value: object) -> object:
    """Return the UTF-8 bytes of a text, for fields that take file contents; return anything else unchanged."""
    return value.encode() if isinstance(value, str) else value


FileContent = Annotated[SecretBytes, WithJsonSchema({"type": "string"})]
"""The content of a file, usually given as `{file: PATH}`. It may hold a secret."""


def content(file: SecretBytes | None) -> bytes | None:
    """Return the bytes of a file. An empty file is not the same as no file."""
    return file.get_secret_value() if file is not None else None


def _located(value: object, info: ValidationInfo) -> object:
    """Resolve a relative path against the folder of the configuration file, which the validation context holds."""
    if isinstance(value, bytes) or (isinstance(value, str) and (not value or "\n" in value or "\0" in value)):
        raise ValueError("must be a path, not the content of a file: the gateway reads the file again when it changes")
    if not isinstance(value, str | Path):
        raise ValueError("must be a path")  # noqa: TRY004 - pydantic reports ValueErrors
    base: Any = (info.context or {}).get("base", Path())
    return base / Path(value).expanduser()


Located = Annotated[Path, BeforeValidator(_located), WithJsonSchema({"type": "string"})]
"""The path of a file or folder that the gateway uses while it runs. Keys of such files end in `_file` or `_files`."""


def _time_zone(value: object) -> object:
    try:
        return ZoneInfo(value) if isinstance(value, str) else value
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("must be an IANA time zone such as Asia/Seoul") from error


TimeZone = Annotated[ZoneInfo, BeforeValidator(_time_zone), WithJsonSchema({"type": "string"})]
"""An IANA time zone."""


class OneOrMore:
    """Annotation for a tuple of strings: accepts a single string as a list of one, and rejects an empty list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        listed = core_schema.no_info_before_validator_function(_as_list, handler(source))
        return core_schema.no_info_after_validator_function(_not_empty, listed)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        several = {**handler(schema), "minItems": 1}
        return {"anyOf": [several["items"], several]}


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("must not be empty")
    return value


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def listen_address(text: str) -> tuple[str, int] | None:
    """Return the host and port of HOST:PORT, an IPv6 address without its brackets, or None if `text` is invalid."""
    parts = _LISTEN.fullmatch(text)
    if parts is None or int(parts["port"]) > 65_535:
        return None
    return parts["host"] or parts["ipv6"], int(parts["port"])


_LISTEN: Final = re.compile(r"(?:(?P<host>[^\[\]:]+)|\[(?P<ipv6>[^\[\]]*:[^\[\]]*)\]):(?P<port>[0-9]{1,5})")
