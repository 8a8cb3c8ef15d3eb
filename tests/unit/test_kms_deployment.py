"""The files in deploy/kms-plugin: valid, consistent with each other, and those that docs/kms-plugin.md prints."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate.utils import validate

from gateway.surfaces.kms.settings import KmsPluginSettings
from tests.support.docs import page
from tests.support.kubernetes import VERSIONS

FOLDER = Path(__file__).parents[2] / "deploy/kms-plugin"


def shipped(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def settings() -> KmsPluginSettings:
    return KmsPluginSettings.model_validate(shipped("kms-plugin.yaml"))


@pytest.mark.parametrize("version", VERSIONS)
def test_static_pod_is_valid(version: str) -> None:
    validate(shipped("static-pod.yaml"), version, strict=True)


def test_static_pod_needs_no_api_server_and_mounts_what_the_configuration_names() -> None:
    pod = shipped("static-pod.yaml")["spec"]
    (container,) = pod["containers"]
    assert all("hostPath" in volume for volume in pod["volumes"])
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "Default")
    mounts = {Path(mount["mountPath"]) for mount in container["volumeMounts"]}
    chosen = settings()
    assert {chosen.socket.parent, *(file.parent for file in chosen.gateway.files())} == mounts
    assert container["args"][-1] == str(FOLDER / "kms-plugin.yaml").replace(str(FOLDER), "/etc/keyway-kms")
    assert container["readinessProbe"]["exec"]["command"][-1] == f"unix:{chosen.socket}"


def test_time_limit_and_socket_of_kube_apiserver_match_the_plugin() -> None:
    kms = shipped("encryption-configuration.yaml")["resources"][0]["providers"][0]["kms"]
    chosen = settings()
    assert kms["apiVersion"] == "v2"
    assert kms["endpoint"] == f"unix://{chosen.socket}"
    assert float(kms["timeout"].removesuffix("s")) > chosen.timeout


def test_page_prints_the_configuration_and_every_setting() -> None:
    text = page("docs/kms-plugin.md")
    printed = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    assert printed == shipped("kms-plugin.yaml")
    names = {*KmsPluginSettings.model_fields} - {"gateway"}
    names |= {f"gateway.{name}" for name in KmsPluginSettings.model_fields["gateway"].annotation.model_fields}  # type: ignore[union-attr]
    assert {name for name in names if f"`{name}`" not in text} == set()
