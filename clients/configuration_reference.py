"""Generator of docs/configuration-reference.md from the settings classes."""

import sys
from pathlib import Path

from gateway.config import reference
from gateway.gateway_settings import GatewaySettings
from gateway.providers.catalog import SETTINGS

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference.page(GatewaySettings, {"providers": SETTINGS}), encoding="utf-8")
