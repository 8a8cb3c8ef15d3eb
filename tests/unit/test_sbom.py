"""The software bills of materials and the NOTICE files: complete, valid, and the same on every machine."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from deploy.sbom.generator.bill import bill
from deploy.sbom.generator.licenses import UnknownLicenseError, license_of_metadata, license_of_texts
from deploy.sbom.generator.notice import notice
from deploy.sbom.generator.python_packages import Package
from tests.support.programs import unavailable

ROOT = Path(__file__).parents[2]
BILLS = ("deploy/sbom/keyway-gateway.cdx.json", "clients/python/keyway-client.cdx.json")
PYTHON = ROOT / "build/sbom-venv/bin/python"
VALIDATION = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for name in sys.argv[1:]:
    print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(name).read()) or "valid")
"""


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / name).read_text())
    return content


def locked(name: str) -> set[tuple[str, str]]:
    text = (ROOT / name).read_text()
    return {(canonicalize_name(package), version) for package, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", text)}


def components(name: str) -> set[tuple[str, str]]:
    return {(canonicalize_name(entry["name"]), entry["version"]) for entry in read(name)["components"]}


def test_bill_of_the_gateway_lists_all_locked_packages() -> None:
    packages = {(name, version) for name, version in locked("requirements.lock") if name != "setuptools"}
    assert components(BILLS[0]) == packages


def test_bill_of_the_client_lists_locked_packages() -> None:
    assert components(BILLS[1]) <= locked("requirements.lock") | locked("requirements-cli.lock")
    assert {"grpcio", "rich", "cryptography"} <= {name for name, _ in components(BILLS[1])}


@pytest.mark.parametrize("name", BILLS)
def test_bill_has_no_addresses_and_no_paths(name: str) -> None:
    text = (ROOT / name).read_text().replace(read(name)["$schema"], "")
    assert "://" not in text
    assert str(ROOT) not in text


def test_bills_are_valid() -> None:
    if not PYTHON.exists():
        unavailable("build/sbom-venv is missing; run `make sbom-setup`")
    command = (str(PYTHON), "-c", VALIDATION, *(str(ROOT / name) for name in BILLS))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == ["valid", "valid"]


@pytest.mark.parametrize("name", BILLS)
def test_notice_lists_the_packages_of_the_bill(name: str) -> None:
    text = (ROOT / {BILLS[0]: "NOTICE", BILLS[1]: "clients/python/NOTICE"}[name]).read_text()
    for package, version in components(name):
        assert re.search(rf"(?m)^  {re.escape(package)} {re.escape(version)} +\S", text), package


def test_license_comes_from_the_expression_the_names_or_the_text(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("Apache License\n  Version 2.0, January 2004")
    assert license_of_metadata("a", None, ["BSD License"], [tmp_path / "LICENSE"]) == "Apache-2.0"
    names = ["", "License :: OSI Approved :: MIT License"]
    assert license_of_metadata("a", None, names, [tmp_path / "LICENSE"]) == "MIT"
    assert license_of_metadata("a", "MIT OR BSD-2-Clause", names, []) == "MIT OR BSD-2-Clause"


def test_package_without_a_known_license_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("All rights reserved.")
    with pytest.raises(UnknownLicenseError, match="example: no license is recognized"):
        license_of_texts("example", [tmp_path / "LICENSE"])


def test_equal_notices_are_printed_once() -> None:
    packages = [Package(name, "1", "MIT", "Copyright A") for name in ("a", "b")] + [Package("c", "1", "MIT")]
    text = notice({"Packages:": packages})
    assert text.count("Copyright A") == 1
    assert "Notice of a, b:" in text


def test_bill_leaves_out_other_packages() -> None:
    everything = {
        **read(BILLS[0]),
        "components": [
            {"bom-ref": f"{name}==1", "type": "library", "name": name, "version": "1", "purl": f"pkg:pypi/{name}@1"}
            for name in ("used", "unused")
        ],
        "dependencies": [{"ref": "used==1", "dependsOn": ["unused==1"]}, {"ref": "unused==1"}],
    }
    made = json.loads(bill(everything, "keyway-client", [Package("used", "1", "MIT")]))
    assert [component["name"] for component in made["components"]] == ["used"]
    assert made["dependencies"][1:] == [{"ref": "used==1", "dependsOn": []}]
