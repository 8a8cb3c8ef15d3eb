"""A software bill of materials in the CycloneDX format, reduced to the packages of one distribution."""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

from packaging.utils import canonicalize_name

from deploy.sbom.generator.python_packages import ROOT, Package

PROGRAM: Final = ROOT / "build/sbom-venv/bin/cyclonedx-py"
_ROOT_REFERENCE: Final = "root-component"


def environment() -> dict[str, Any]:
    """Return the bill of all packages that are installed in the environment of this Python."""
    if not PROGRAM.exists():
        raise FileNotFoundError(f"{PROGRAM} is missing; run `make sbom-setup`")
    command = (
        PROGRAM,
        "environment",
        "--no-validate",
        "--output-reproducible",
        "--spec-version",
        "1.6",
        "--of",
        "JSON",
    )
    done = subprocess.run((*command, sys.executable), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{PROGRAM}: {done.stderr}")
    everything: dict[str, Any] = json.loads(done.stdout)
    return everything


def bill(everything: dict[str, Any], distribution: str, packages: Sequence[Package]) -> str:
    """Return the bill of one distribution. everything: the bill of the environment.

    Only facts that are the same on every machine remain: no addresses of sources, which can be local paths.
    """
    licenses = {package.name: package.license for package in packages}
    components = [
        {
            "bom-ref": component["bom-ref"],
            "type": component["type"],
            "name": component["name"],
            "version": component["version"],
            "purl": component["purl"],
            "licenses": [{"acknowledgement": "declared", "expression": licenses[canonicalize_name(component["name"])]}],
        }
        for component in everything["components"]
        if canonicalize_name(component["name"]) in licenses
    ]
    known = {component["bom-ref"] for component in components}
    dependencies = [
        {"ref": entry["ref"], "dependsOn": [name for name in entry.get("dependsOn", ()) if name in known]}
        for entry in everything["dependencies"]
        if entry["ref"] in known
    ]
    document = {
        "$schema": everything["$schema"],
        "bomFormat": everything["bomFormat"],
        "specVersion": everything["specVersion"],
        "version": 1,
        "metadata": {
            "component": {
                "bom-ref": _ROOT_REFERENCE,
                "type": "application",
                "name": distribution,
                "version": metadata.version(distribution),
                "licenses": [{"acknowledgement": "declared", "expression": "Apache-2.0"}],
            }
        },
        "components": components,
        "dependencies": [{"ref": _ROOT_REFERENCE, "dependsOn": sorted(known)}, *dependencies],
    }
    return json.dumps(document, indent=2) + "\n"
