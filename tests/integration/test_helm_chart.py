"""The Helm chart: no finding of `helm lint`, the committed manifests, and manifests for other values."""

from pathlib import Path

import pytest
import yaml
from kubernetes_validate.utils import validate

from gateway import __version__
from tests.support.kubernetes import CHART, COMMITTED, EXAMPLE_VALUES, ROOT, VERSIONS, helm, helm_program, rendered
from tests.support.programs import run

MONITORING = "monitoring.coreos.com/v1"


@pytest.mark.parametrize("arguments", [(), ("--values", EXAMPLE_VALUES)], ids=["defaults", "example"])
def test_lint_finds_nothing(arguments: tuple[object, ...]) -> None:
    done = helm("lint", "--strict", CHART, *arguments)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_committed_manifests_are_current(tmp_path: Path) -> None:
    run(ROOT / "deploy/helm/render.sh", helm_program(), tmp_path)
    fresh = {path.name: path.read_text() for path in tmp_path.iterdir()}
    stored = {path.name: path.read_text() for path in COMMITTED.iterdir() if path.name != "namespace.yaml"}
    assert fresh == stored, "run `make manifests`"


@pytest.mark.parametrize(
    "flags",
    [
        "",
        "config.workers=8,autoscaling.enabled=false,replicas=2,storage.className=fast,storage.size=1Ti",
        "config.workers=1,config.drain_delay=0,config.drain_timeout=0,podDisruptionBudget.enabled=false",
        "config.listen=[::]:1051,config.health_listen=[::]:1052,config.telemetry.prometheus_listen=[::]:1053",
        "config.telemetry=null,networkPolicy.callerLabels.team=a,image.tag=2.0.0",
        "serviceMonitor.enabled=true,networkPolicy.enabled=false,nodeSelector.disk=fast,podAnnotations.a=b",
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_for_other_values_are_valid(flags: str, version: str, tmp_path: Path) -> None:
    manifests = rendered("--values", EXAMPLE_VALUES, "--set", flags, "--kube-version", version)
    for manifest in manifests.every:
        if manifest["apiVersion"] != MONITORING:
            validate(manifest, version, strict=True)
    settings = manifests.settings(tmp_path)
    ports = {port["name"]: port["containerPort"] for port in manifests.container()["ports"]}
    assert settings.listen.endswith(f":{ports['grpc']}")
    assert f"{settings.health_listen}".endswith(f":{ports['health']}")
    scraped = settings.telemetry.prometheus_listen if settings.telemetry else None
    assert (scraped is None) == ("metrics" not in ports)
    assert {port["targetPort"] for port in manifests.the("Service")["spec"]["ports"]} == ports.keys() - {"health"}
    assert manifests.pod()["terminationGracePeriodSeconds"] == settings.drain_delay + settings.drain_timeout + 30
    assert int(manifests.container()["resources"]["requests"]["cpu"]) == settings.workers


def test_chart_is_of_the_version_of_the_gateway() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__


def test_defaults_permit_no_call(tmp_path: Path) -> None:
    settings = rendered().settings(tmp_path)
    assert settings.identity is not None
    assert settings.policy is not None
    assert not settings.providers


def test_changed_configuration_replaces_the_pods_and_changed_policies_do_not() -> None:
    def annotation(*arguments: str) -> str:
        pod = rendered(*arguments).the("StatefulSet")["spec"]["template"]
        return str(pod["metadata"]["annotations"]["keyway.dev/configuration"])

    assert annotation("--set", "config.workers=3") != annotation()
    assert annotation("--set-string", r"policies.more\.cedar=//") == annotation()


def test_releases_do_not_share_names_or_selectors() -> None:
    blue, green = (rendered(release=name) for name in ("blue", "green"))
    assert not {manifest["metadata"]["name"] for manifest in blue.every} & {
        manifest["metadata"]["name"] for manifest in green.every
    }
    assert blue.the("Service")["spec"]["selector"] != green.the("Service")["spec"]["selector"]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("imag.tag=2", "'imag' not allowed"),
        ("config.workers=65", "'/config/workers': maximum: got 65, want 64"),
        ("config.drain_delay=601", "'/config/drain_delay': maximum: got 601, want 600"),
        ("config.listen=127.0.0.1:50051", "'/config/listen'"),
        ("config.identity=null", "missing property 'identity'"),
        ("storage.size=100", "'/storage/size'"),
        ("secrets.tls=Keyway TLS", "'/secrets/tls'"),
        ("serviceMonitor.enabled=true,config.telemetry=null", "needs config.telemetry.prometheus_listen"),
    ],
)
def test_invalid_values_are_rejected(flags: str, named: str) -> None:
    done = helm("template", "keyway", CHART, "--set", flags)
    assert done.returncode != 0
    assert named in done.stderr


def test_scraped_job_has_the_name_that_the_rules_expect() -> None:
    monitor = rendered("--set", "serviceMonitor.enabled=true", release="blue").the("ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert {"targetLabel": "job", "replacement": "keyway"} in endpoint["relabelings"]
    assert endpoint["port"] == "metrics"


def test_rule_groups_are_those_of_the_rule_files() -> None:
    rules = rendered("--set", "prometheusRule.enabled=true").the("PrometheusRule")["spec"]["groups"]
    files = [
        yaml.safe_load((ROOT / "deploy/prometheus" / name).read_text()) for name in ("alerts.yaml", "recording.yaml")
    ]
    assert rules == [group for file in files for group in file["groups"]]


def test_packaged_chart_gives_the_same_manifests(tmp_path: Path) -> None:
    options = ("--namespace", "keyway", "--set", "prometheusRule.enabled=true")
    done = helm("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("keyway-*.tgz")
    assert rendered_text(archive, *options) == rendered_text(CHART, *options)


def rendered_text(chart: Path, *options: str) -> str:
    done = helm("template", "keyway", chart, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout
