"""Writes the dashboards into a folder: `python -m deploy.grafana.generator FOLDER`."""

import sys
from pathlib import Path

from deploy.grafana.generator import audit, certificates, gateway, providers
from deploy.grafana.generator.panels import as_json

DASHBOARDS = (gateway.DASHBOARD, providers.DASHBOARD, certificates.DASHBOARD, audit.DASHBOARD)


def main(folder: Path) -> None:
    """Write each dashboard to a file with the name of its uid."""
    folder.mkdir(parents=True, exist_ok=True)
    for dashboard in DASHBOARDS:
        (folder / f"{dashboard.uid}.json").write_text(as_json(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
