"""The rules of deploy/prometheus: the metrics that they use, and their tests."""

from typing import Any

import pytest
import yaml

from tests.support import monitoring, promql
from tests.support.programs import prometheus_program, run

ALERTS = monitoring.rules("alerts.yaml")
TESTS = yaml.safe_load((monitoring.RULES / "alerts.test.yaml").read_text(encoding="utf-8"))["tests"]


@pytest.mark.parametrize(("name", "expression"), list(monitoring.expressions()), ids=lambda value: value.split()[0])
def test_rule_uses_described_metrics_and_labels(name: str, expression: str) -> None:
    assert promql.unknown_names(expression, monitoring.with_recorded(monitoring.described())) == []


def test_unknown_metrics_and_labels_are_found() -> None:
    known = {"a_total": {"worker"}}
    assert promql.unknown_names("sum without (worker) (rate(a_total[5m]))", known) == []
    assert promql.unknown_names("b_total or a_total", known) == ["b_total"]
    assert promql.unknown_names('a_total{wroker="0"}', known) == ["a_total{wroker}"]
    assert promql.unknown_names("max without (wroker) (a_total)", known) == ["wroker of an aggregation"]
    assert promql.unknown_names("a_total and on (host) a_total", known) == ["host of an aggregation"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_has_severity_and_texts(alert: dict[str, Any]) -> None:
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["description"].endswith(".")


def test_each_alert_is_tested_while_it_fires_and_while_it_is_quiet() -> None:
    healthy, *others = TESTS
    names = {alert["alert"] for alert in ALERTS}
    assert {one["alertname"] for one in healthy["alert_rule_test"] if not one["exp_alerts"]} == names
    assert not any(one["exp_alerts"] for one in healthy["alert_rule_test"])
    fired = {one["alertname"] for test in others for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == names


def test_rules_are_valid_and_pass_their_tests() -> None:
    promtool = prometheus_program("promtool")
    run(promtool, "check", "config", monitoring.RULES / "prometheus.yaml")
    run(promtool, "test", "rules", monitoring.RULES / "alerts.test.yaml")
