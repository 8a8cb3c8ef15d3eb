"""The locked packages of the clients for Go, Java, and TypeScript."""

import json
import subprocess
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from deploy.sbom.generator.licenses import UnknownLicenseError, license_of_texts
from deploy.sbom.generator.python_packages import ROOT, Package

_CLIENTS: Final = ROOT / "clients"
_POM: Final = "{http://maven.apache.org/POM/4.0.0}"
# A POM names no licenses of dependencies.
_LICENSES_OF_GROUPS: Final = {
    "com.google.protobuf": "BSD-3-Clause",
    "io.grpc": "Apache-2.0",
    "io.opentelemetry": "Apache-2.0",
}
# The properties in clients/java/pom.xml with the versions of groups.
_VERSIONS_OF_GROUPS: Final = {
    "com.google.protobuf": "protobuf.version",
    "io.grpc": "grpc.version",
    "io.opentelemetry": "opentelemetry.version",
}


def go_packages() -> list[Package]:
    """Return the modules in go.mod of the client. Download modules that are not in the module cache."""
    output = subprocess.run(
        ("go", "mod", "download", "-json", *_required_modules()),
        cwd=_CLIENTS / "go",
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return sorted(
        Package(
            module["Path"], module["Version"], license_of_texts(module["Path"], Path(module["Dir"]).glob("LICENSE*"))
        )
        for module in _json_values(output)
    )


def java_packages() -> list[Package]:
    """Return the direct dependencies in pom.xml of the client, without test dependencies."""
    properties = {
        element.tag.removeprefix(_POM): element.text or ""
        for element in ElementTree.parse(_CLIENTS / "java/pom.xml").iterfind(f"{_POM}properties/*")  # noqa: S314
    }
    packages = []
    for element in ElementTree.parse(_CLIENTS / "java/client/pom.xml").iterfind(f"{_POM}dependencies/*"):  # noqa: S314
        values = {child.tag.removeprefix(_POM): child.text or "" for child in element}
        if values.get("scope") == "test":
            continue
        group = values["groupId"]
        if group not in _LICENSES_OF_GROUPS:
            raise UnknownLicenseError(f"{group}: add its license in deploy/sbom/generator/other_packages.py")
        version = properties[_VERSIONS_OF_GROUPS[group]]
        packages.append(Package(f"{group}:{values['artifactId']}", version, _LICENSES_OF_GROUPS[group]))
    return sorted(packages)


def npm_packages() -> list[Package]:
    """Return the packages in package-lock.json of the client, without development dependencies."""
    lock = json.loads((_CLIENTS / "typescript/package-lock.json").read_text(encoding="utf-8"))
    return sorted(
        Package(path.rpartition("node_modules/")[2], package["version"], package["license"])
        for path, package in lock["packages"].items()
        if path and not package.get("dev")
    )


def _required_modules() -> list[str]:
    output = subprocess.run(
        ("go", "mod", "edit", "-json"), cwd=_CLIENTS / "go", check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return [f"{module['Path']}@{module['Version']}" for module in json.loads(output)["Require"]]


def _json_values(text: str) -> list[dict[str, str]]:
    decoder, values = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values
