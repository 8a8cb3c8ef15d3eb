"""Writes all bills of materials and NOTICE files: `python -m deploy.sbom.generator FOLDER`.

FOLDER is the root of the repository, or another folder, in which the files are written to the same paths.
"""

import sys
from pathlib import Path

from deploy.sbom.generator import bill
from deploy.sbom.generator.notice import ENVOY, KUBERNETES, notice
from deploy.sbom.generator.other_packages import go_packages, java_packages, npm_packages
from deploy.sbom.generator.python_packages import packages_of


def main(folder: Path) -> None:
    """Write the files."""
    gateway = packages_of("keyway-gateway")
    client = packages_of("keyway-client", ("agent", "cli", "console", "envelope", "telemetry"))
    everything = bill.environment()
    for path, text in {
        "deploy/sbom/keyway-gateway.cdx.json": bill.bill(everything, "keyway-gateway", gateway),
        "clients/python/keyway-client.cdx.json": bill.bill(everything, "keyway-client", client),
        "NOTICE": notice(
            {"The gateway needs these Python packages, which the container image contains:": gateway},
            (ENVOY, KUBERNETES),
        ),
        "clients/python/NOTICE": notice(
            {"The client needs these Python packages, most of them only for its extras:": client}
        ),
        "clients/go/NOTICE": notice({"The client needs these Go modules:": go_packages()}),
        "clients/java/NOTICE": notice(
            {"The client needs these Java libraries and their dependencies:": java_packages()}
        ),
        "clients/typescript/NOTICE": notice({"The client needs these npm packages:": npm_packages()}),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
