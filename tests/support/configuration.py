"""Helpers of the configuration tests: a provider type, and the problems of a configuration by their place."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from gateway import gateway_settings
from gateway.config.base import ConfigError
from gateway.gateway_settings import GatewaySettings
from gateway.providers.base.settings import ProviderSettings

SECRET = "hunter2-marker"


class ThingSettings(ProviderSettings):
    type: Literal["thing"]
    password: SecretStr | None = None


TYPES = {"thing": ThingSettings, "other": ThingSettings}


def thing(**options: Any) -> dict[str, Any]:
    return {"id": "one", "type": "thing", "endpoint": "http://127.0.0.1:1", **options}


def parse(*providers: Any, base: Path = Path(), **options: Any) -> GatewaySettings:
    return gateway_settings.parse({"providers": list(providers), **options}, TYPES, base=base)


def problems(*providers: Any, base: Path = Path(), **options: Any) -> dict[str, str]:
    """Return the problems by their place. No problem quotes the secret."""
    with pytest.raises(ConfigError) as caught:
        parse(*providers, base=base, **options)
    return by_place(caught.value)


def by_place(error: ConfigError) -> dict[str, str]:
    assert SECRET not in str(error)
    lines = [line.partition(": ") for line in str(error).splitlines()]
    return {place: text for place, _, text in lines}
