"""The manifests of one installation on Kubernetes, and the gateway's configuration in them."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from gateway import app
from gateway.gateway_settings import GatewaySettings
from tests.support.authority import CertificateAuthority
from tests.support.programs import unavailable

ROOT: Final = Path(__file__).parents[2]
COMMITTED: Final = ROOT / "deploy/kubernetes"
CHART: Final = ROOT / "deploy/helm/keyway"
EXAMPLE_VALUES: Final = ROOT / "deploy/helm/example-values.yaml"
VERSIONS: Final = ("1.32", "1.37")
"""The oldest supported version, which has all used features, and the newest version with available schemas."""
_HELM: Final = ROOT / "build/helm"


@dataclass(frozen=True, slots=True)
class Manifests:
    """All manifests of one installation."""

    every: list[dict[str, Any]]

    def has(self, kind: str) -> bool:
        """Return whether there is a manifest of a kind."""
        return any(manifest["kind"] == kind for manifest in self.every)

    def the(self, kind: str) -> dict[str, Any]:
        """Return the only manifest of a kind."""
        (manifest,) = (manifest for manifest in self.every if manifest["kind"] == kind)
        return manifest

    def pod(self) -> dict[str, Any]:
        """Return the specification of a pod."""
        specification: dict[str, Any] = self.the("StatefulSet")["spec"]["template"]["spec"]
        return specification

    def container(self) -> dict[str, Any]:
        """Return the only container of a pod."""
        (only,) = self.pod()["containers"]
        assert isinstance(only, dict)
        return only

    def settings(self, root: Path) -> GatewaySettings:
        """Return the settings of the gateway in the pod, with its mounts below `root`."""
        authority = CertificateAuthority()
        authority.server().write(root, "server")
        for folder in ("etc/keyway", "run/keyway/tls", "run/keyway/callers", "run/keyway/providers"):
            (root / folder).mkdir(parents=True)
        shutil.move(root / "server.pem", root / "run/keyway/tls/tls.crt")
        shutil.move(root / "server.key", root / "run/keyway/tls/tls.key")
        for folder in ("tls", "callers"):
            (root / "run/keyway" / folder / "ca.crt").write_bytes(authority.pem)
        for name in ("nhn-certs-app-key", "nhn-keys-app-key"):
            (root / "run/keyway/providers" / name).write_text("an-app-key")
        for name, text in self.the("ConfigMap")["data"].items():
            (root / "etc/keyway" / name).write_text(text.replace("/run/keyway", f"{root}/run/keyway"))
        return app.load_config(root / "etc/keyway/keyway.yaml")


def committed() -> Manifests:
    """Return the manifests of deploy/kubernetes."""
    return Manifests(
        [manifest for path in sorted(COMMITTED.glob("*.yaml")) for manifest in yaml.safe_load_all(path.read_text())]
    )


def rendered(*arguments: object, release: str = "keyway") -> Manifests:
    """Return the manifests that the chart gives with these arguments of `helm template`."""
    done = helm("template", release, CHART, "--namespace", "keyway", *arguments)
    assert done.returncode == 0, done.stderr
    return Manifests([manifest for manifest in yaml.safe_load_all(done.stdout) if manifest])


def helm(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Helm, which `make helm` builds; skip the test without it."""
    return subprocess.run((helm_program(), *map(str, arguments)), capture_output=True, text=True, check=False)


def helm_program() -> Path:
    """Return the path of Helm; skip the test without it."""
    return _HELM if _HELM.is_file() else unavailable("build/helm is missing; run `make helm`")
