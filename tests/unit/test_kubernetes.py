"""The manifests of deploy/kubernetes: valid by the Kubernetes schemas, valid for the gateway, and consistent."""

from typing import Any

import pytest
from kubernetes_validate.utils import ValidationError, validate

from gateway.gateway_settings import GatewaySettings
from tests.support.kubernetes import VERSIONS, committed

MANIFESTS = committed()
the, pod, container = MANIFESTS.the, MANIFESTS.pod, MANIFESTS.container


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> GatewaySettings:
    return MANIFESTS.settings(tmp_path_factory.mktemp("pod"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS.every, ids=[manifest["kind"] for manifest in MANIFESTS.every])
def test_manifest_is_valid(manifest: dict[str, Any], version: str) -> None:
    validate(manifest, version, strict=True)


def test_invalid_manifest_is_rejected() -> None:
    with pytest.raises(ValidationError):
        validate({**the("StatefulSet"), "specification": {}}, VERSIONS[-1], strict=True)


def test_configuration_is_valid_for_the_gateway(settings: GatewaySettings) -> None:
    assert [provider.id for provider in settings.providers] == ["nhn-certs", "nhn-keys"]
    assert settings.identity is not None
    assert settings.policy is not None


def test_ports_match_the_configuration(settings: GatewaySettings) -> None:
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert settings.telemetry is not None
    listened = {
        "grpc": settings.listen,
        "health": settings.health_listen,
        "metrics": settings.telemetry.prometheus_listen,
    }
    assert {name: f"0.0.0.0:{port}" for name, port in ports.items()} == listened
    for probe in ("startupProbe", "readinessProbe"):
        assert container()[probe]["grpc"]["port"] == ports["health"]
    assert container()["livenessProbe"]["tcpSocket"]["port"] == ports["health"]
    assert {port["targetPort"] for port in the("Service")["spec"]["ports"]} <= ports.keys()
    named = {port["port"] for rule in the("NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]}
    assert named <= ports.keys()


def test_mounts_match_the_paths_in_the_configuration(settings: GatewaySettings) -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    given = {volume["name"] for volume in pod()["volumes"]}
    claimed = {claim["metadata"]["name"] for claim in the("StatefulSet")["spec"]["volumeClaimTemplates"]}
    assert mounts.keys() == given | claimed
    assert settings.audit is not None
    assert str(settings.audit.directory).startswith(mounts["state"])
    for line in the("ConfigMap")["data"]["keyway.yaml"].splitlines():
        for word in line.replace("}", " ").split():
            if word.startswith("/run/"):
                assert any(word.startswith(f"{path}/") for path in mounts.values()), word


def test_volume_holds_30_days_at_100_calls_per_second(settings: GatewaySettings) -> None:
    """240 bytes per call, and per checkpoint, of which each worker writes one per second."""
    assert settings.audit is not None
    assert settings.audit.retention == 30 * 86_400
    (claim,) = the("StatefulSet")["spec"]["volumeClaimTemplates"]
    storage = claim["spec"]["resources"]["requests"]["storage"]
    workers = settings.workers or 1
    needed = 240 * (100 + workers) * settings.audit.retention + workers * 2e8
    assert int(storage.removesuffix("Gi")) * 2**30 * (1 - settings.audit.minimum_free) > needed


def test_termination_grace_period_covers_the_drain(settings: GatewaySettings) -> None:
    assert pod()["terminationGracePeriodSeconds"] >= settings.drain_delay + settings.drain_timeout + 30


def test_cpu_request_covers_every_worker(settings: GatewaySettings) -> None:
    assert int(container()["resources"]["requests"]["cpu"]) == settings.workers


def test_selectors_match_the_pods() -> None:
    specification = the("StatefulSet")["spec"]
    labels = specification["template"]["metadata"]["labels"]
    assert specification["selector"]["matchLabels"] == labels == {"app.kubernetes.io/name": "keyway"}
    assert the("Service")["spec"]["selector"] == labels
    assert the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert specification["serviceName"] == the("Service")["metadata"]["name"]
    assert the("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == the("StatefulSet")["metadata"]["name"]
