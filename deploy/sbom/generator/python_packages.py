"""The locked Python packages that a distribution installs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.sbom.generator.licenses import license_of_metadata

ROOT: Final = Path(__file__).parents[3]
_LOCKS: Final = ("requirements.lock", "requirements-cli.lock", "requirements-dev.lock")
_OWN: Final = ("keyway-client", "keyway-gateway")


class LockError(Exception):
    """The installed packages differ from the lock files."""


@dataclass(frozen=True, order=True, slots=True)
class Package:
    """A package of any language. notices: the attributions in its NOTICE file."""

    name: str
    version: str
    license: str
    notices: str = ""


def packages_of(distribution: str, extras: Iterable[str] = ()) -> list[Package]:
    """Return all packages that a distribution with these extras needs, without those of this repository."""
    needed: set[str] = set()
    _collect(distribution, frozenset(extras), needed)
    locked = _locked()
    return sorted(_package(name, locked) for name in needed if name not in _OWN)


def _collect(name: str, extras: frozenset[str], found: set[str]) -> None:
    found.add(name)
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            needed = canonicalize_name(requirement.name)
            if needed not in found or requirement.extras:
                _collect(needed, frozenset(requirement.extras), found)


def _package(name: str, locked: Mapping[str, str]) -> Package:
    distribution = metadata.distribution(name)
    if locked.get(name) != distribution.version:
        raise LockError(f"{name} {distribution.version} is installed, but the lock has {locked.get(name)}: make setup")
    files = [Path(str(file.locate())) for file in distribution.files or () if ".dist-info/" in str(file)]
    notices = "\n".join(file.read_text(encoding="utf-8").strip() for file in files if file.name == "NOTICE")
    licenses = [file for file in files if file.name.startswith(("LICENSE", "COPYING"))]
    facts = distribution.metadata
    names = [*facts.get_all("License", []), *facts.get_all("Classifier", [])]
    expression = next(iter(facts.get_all("License-Expression", [])), None)
    license_name = license_of_metadata(name, expression, names, licenses)
    return Package(name, distribution.version, license_name, notices)


def _locked() -> dict[str, str]:
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in _LOCKS)
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}
