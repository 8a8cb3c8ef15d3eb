"""The page docs/metrics.md and the descriptions that it is generated from."""

import ast
from pathlib import Path

import pytest
from google.rpc import code_pb2
from google.type.date_pb2 import Date
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.descriptions.audit import AUDIT_HEAD
from gateway.telemetry.descriptions.providers import BREAKER
from gateway.telemetry.instruments import Description, Distribution, Point, Series
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.prometheus import SeriesCollector, exposed_name
from gateway.telemetry.reference import SECTIONS, page
from gateway.telemetry.upstream_requests import UpstreamRequests
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import GetCertificateResponse
from tests.support.docs import ROOT
from tests.support.traces import METHOD, PEER

DESCRIPTIONS = [one for section in SECTIONS.values() for one in section]


def series(about: Description) -> Series:
    """Return a series with one value and all labels."""
    value = Distribution([1, 0], 0.5) if about.kind == "histogram" else 1
    return Series(about, [Point({label.name: "x" for label in about.labels}, value)], [1.0])


def descriptions_in(path: Path) -> int:
    called = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return sum(isinstance(function, ast.Name) and function.id == "Description" for function in called)


def test_committed_page_matches_the_descriptions() -> None:
    assert (ROOT / "docs/metrics.md").read_text(encoding="utf-8") == page()


def test_page_contains_every_description_in_the_code() -> None:
    # The protocol between supervisor and worker makes descriptions from those of a worker. The plugin for Kubernetes is
    # another program, with its own page.
    found = (ROOT / "gateway").rglob("*.py")
    modules = [path for path in found if path.name != "messages.py" and "kms" not in path.parts]
    assert len({one.name for one in DESCRIPTIONS}) == len(DESCRIPTIONS)
    assert len(DESCRIPTIONS) == sum(map(descriptions_in, modules))


@pytest.mark.parametrize("about", DESCRIPTIONS, ids=lambda about: about.name)
def test_page_states_the_names_that_prometheus_sees(about: Description) -> None:
    registry = CollectorRegistry()
    registry.register(SeriesCollector(lambda: [series(about)]))
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    samples = {sample.name for family in families for sample in family.samples}
    name = exposed_name(about)
    assert samples == (
        {f"{name}_{part}" for part in ("bucket", "count", "sum")} if about.kind == "histogram" else {name}
    )
    assert f"### {about.name}\n\n| | |\n|---|---|\n| Prometheus | `{name}` |\n" in page()


@pytest.mark.parametrize("about", DESCRIPTIONS, ids=lambda about: about.name)
def test_description_explains_the_metric(about: Description) -> None:
    assert about.text.endswith(".")
    assert about.advice.endswith(".")
    assert all(label.values for label in about.labels)
    assert "|" not in about.text + about.advice + "".join(label.values for label in about.labels)


def test_page_describes_exactly_the_labels_of_the_metrics() -> None:
    metrics = Metrics()
    requests = UpstreamRequests(PEER)
    metrics.include(requests)
    requests.ended("GET", 500, 0.3)
    metrics.call_began()
    metrics.call_ended(METHOD, code_pb2.UNAVAILABLE, 0.4, provider="a", reason="PROVIDER_BUSY", attempts=1)
    certificate = Certificate(name="providers/a/certificates/b", expiration_date=Date(year=2030, month=1, day=1))
    metrics.answered(GetCertificateResponse(certificate=certificate))
    metrics.observe(AUDIT_HEAD, lambda: 1)
    metrics.observe_providers(BREAKER, lambda: {"a": 0})
    found = {one.about.name: set(one.points[0].attributes) for one in metrics.read()}
    assert len(found) == 9
    assert found == {one.name: {label.name for label in one.labels} for one in DESCRIPTIONS if one.name in found}
