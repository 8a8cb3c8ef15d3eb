"""Reload behavior of settings: the metadata `x-reload` of a field, and the settings that need a restart."""

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic.fields import FieldInfo

from gateway.config.base import Settings

_DEFAULT: Final = "reload"

RELOAD_TEXTS: Final[Mapping[str, str]] = {
    _DEFAULT: "SIGHUP",
    "restart": "restart",
    "file": "on change",
    "jwks": "periodic",
    "segment": "next segment",
}
"""Reload behavior in words, by metadata. `reference` explains each of them."""


def reload_text(field: FieldInfo) -> str:
    """Return how a change of the setting takes effect, in words."""
    extra = field.json_schema_extra
    kind = extra.get("x-reload", _DEFAULT) if isinstance(extra, dict) else _DEFAULT
    return RELOAD_TEXTS[str(kind)]


def restart_values(settings: Settings, prefix: str = "") -> Mapping[str, object]:
    """Return the values that only a restart changes, by dotted key. A section that is not configured has none."""
    return dict(_restart_values(settings, prefix))


def _restart_values(settings: Settings, prefix: str) -> Iterator[tuple[str, object]]:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield from _restart_values(value, f"{prefix}{name}.")
        elif reload_text(field) == RELOAD_TEXTS["restart"]:
            yield f"{prefix}{name}", value
