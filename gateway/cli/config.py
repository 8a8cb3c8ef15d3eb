"""The commands `config schema` and `config reference`: the JSON Schema and the reference page of the configuration."""

import argparse
import json

from gateway.cli.command import subcommands
from gateway.config import reference, schema
from gateway.gateway_settings import GatewaySettings
from gateway.providers.catalog import SETTINGS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    add = subcommands(parser)
    add("schema", _schema, "print the JSON Schema (draft 2020-12) of the configuration, for editors and pipelines")
    add("reference", _reference, "print the reference page docs/configuration-reference.md")


async def _schema(_options: argparse.Namespace) -> int:
    print(json.dumps(schema.json_schema(GatewaySettings, "Keyway configuration", {"providers": SETTINGS}), indent=2))
    return 0


async def _reference(_options: argparse.Namespace) -> int:
    print(reference.page(GatewaySettings, {"providers": SETTINGS}), end="")
    return 0
