"""Programs and rights that only some tests need.

A test checks for a program or right immediately before use. If the machine lacks it, the test is skipped with a reason.
docs/testing.md lists these tests. With KEYWAY_TESTS_REQUIRE_ALL=1, the test fails instead.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import pytest

PACKAGES: Final[Mapping[str, str]] = {
    "chromium-headless-shell": "the package chromium-headless-shell of Debian",
    "curl": "the package curl of Debian and Ubuntu",
    "envoy": "`make test`, which installs it",
    "haproxy": "the package haproxy of Debian and Ubuntu",
    "ip": "the package iproute2 of Debian and Ubuntu",
    "nft": "the package nftables of Debian and Ubuntu",
    "nginx": "the package nginx-light of Debian and Ubuntu",
    "java": "any Java runtime",
    "keytool": "any Java runtime, or `make test`, which installs one",
    "systemd-analyze": "the package systemd of Debian and Ubuntu",
    "openssl": "the package openssl of Debian and Ubuntu",
    "prometheus": "`make prometheus` on Debian and Ubuntu",
    "promtool": "`make prometheus` on Debian and Ubuntu",
}
"""Where to get each program."""

ENVOY: Final = Path(__file__).parents[2] / "build/envoy-wheel/envoy/_bin/envoy"
PROMETHEUS: Final = Path(__file__).parents[2] / "build/prometheus/usr/bin"
TOMCAT: Final = Path(__file__).parents[2] / "build/tomcat"
_REQUIRE_ALL: Final = "KEYWAY_TESTS_REQUIRE_ALL"
_MKFS: Final = "/sbin/mkfs.ext4"


def program(name: str) -> str:
    """Return the path of a program; skip the test where PATH does not have it."""
    return shutil.which(name) or unavailable(f"{name} is not on PATH ({PACKAGES.get(name, 'install it')})")


def run(*command: object, folder: Path | None = None, data: bytes = b"") -> bytes:
    """Run a program that must succeed, and return its standard output. data: its standard input."""
    done = subprocess.run(_resolved(command), cwd=folder, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout


async def run_async(*command: object, folder: Path) -> bytes:
    """Run a program like `run`, without blocking the event loop, which serves an emulator."""
    process = await asyncio.create_subprocess_exec(*_resolved(command), cwd=folder, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output


def envoy() -> Path:
    """Return the path of Envoy, which `make test` installs; skip the test without it."""
    return ENVOY if ENVOY.is_file() else Path(program("envoy"))


def envoy_for_long_checks() -> Path:
    """Return the path of Envoy; skip the test unless `make check-external` runs it."""
    if not os.environ.get(_REQUIRE_ALL):
        pytest.skip("takes long; `make check-external` runs it")
    return envoy()


def prometheus_program(name: str) -> Path:
    """Return the path of `prometheus` or `promtool`, which `make prometheus` extracts; skip the test without it."""
    return PROMETHEUS / name if (PROMETHEUS / name).is_file() else Path(program(name))


def tomcat() -> tuple[str, Path]:
    """Return the path of Java and the folder with Tomcat, which `make test` extracts; skip the test without either."""
    if not (TOMCAT / "usr/share/tomcat10/bin/bootstrap.jar").exists():
        unavailable(f"{TOMCAT} has no Tomcat (`make test` extracts it on Debian and Ubuntu)")
    java = program("java")
    if "java.desktop" not in run(java, "--list-modules").decode():
        unavailable(f"{java} has not all modules of Java that Tomcat needs")
    return java, TOMCAT


def require_mounts() -> None:
    """Skip the test where it has no right to mount file systems."""
    if os.geteuid() != 0 or not _succeeds("unshare", "--mount", "true"):
        unavailable("needs root and the right to mount")


def require_firewall() -> None:
    """Skip the test where it cannot create a network namespace with firewall rules."""
    program("nft")
    program("ip")
    if os.geteuid() != 0 or not _succeeds("unshare", "--net", "true"):
        unavailable("needs root and the right to create network namespaces")


def require_loop_devices() -> None:
    """Skip the test where there is no free loop device, or no mkfs.ext4."""
    require_mounts()
    if not os.access(_MKFS, os.X_OK) or not _succeeds("losetup", "--find"):
        unavailable("needs loop devices and mkfs.ext4")


def require_cjk_fonts() -> None:
    """Skip the test where Chromium has no font for Korean and Japanese."""
    if shutil.which("fc-list") is None or not run("fc-list", ":lang=ko"):
        unavailable("needs the package fonts-noto-cjk of Debian and Ubuntu")


def require_python_prefix(prefix: Path) -> None:
    """Skip the test if the Python installation has no `bin/python`, which the image starts."""
    if not (prefix / "bin" / "python").exists():
        unavailable(f"needs {prefix}/bin/python, which stands in for the Python of the base image")


def unavailable(reason: str) -> NoReturn:
    """Skip the test; fail it where everything is required."""
    if os.environ.get(_REQUIRE_ALL):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _resolved(command: Sequence[object]) -> list[str]:
    name, *arguments = map(str, command)
    return [program(name), *arguments]


def _succeeds(*command: str) -> bool:
    path = shutil.which(command[0])
    return path is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0
