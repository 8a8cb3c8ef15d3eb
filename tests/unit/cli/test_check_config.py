"""The command `check-config`: positions, suggestions, the summary, and warnings."""

import json
from pathlib import Path

import pytest

from gateway.cli.program import main
from tests.support.journals import new_signing_key

PROVIDER = "{id: a, type: nhn-secure-key-manager, api_version: v1.0, endpoint: 'ENDPOINT', app_key: k}"


def check(tmp_path: Path, text: str, *flags: str) -> int:
    path = tmp_path / "keyway.yaml"
    path.write_text(text)
    return main(["check-config", str(path), *flags])


def configuration(endpoint: str = "https://h", audit: str = "") -> str:
    return f"listen: 127.0.0.1:1\nproviders:\n- {PROVIDER.replace('ENDPOINT', endpoint)}\n{audit}"


def warnings(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert check(tmp_path, text, "--json") == 0
    found: list[str] = json.loads(capsys.readouterr().out)["warnings"]
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", "keyway.yaml:1:1: unknown key 'a'"),
        ("listen: 127.0.0.1:1\nwokers: 2", "keyway.yaml:2:1: unknown key 'wokers'; did you mean 'workers'?"),
        ("log:\n  level: loud", "keyway.yaml:2:10: log.level: must be 'debug', 'info', 'warning' or 'error'"),
        ("workers: 0", "keyway.yaml:1:10: workers: must be "),
        ("providers:\n- {id: a, type: x}", "keyway.yaml:2:17: providers[0].type: must be one of "),
    ],
)
def test_problem_is_reported_with_line_and_column(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, text) == 2
    assert expected in capsys.readouterr().err


def test_json_output_contains_summary_and_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, configuration(), "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["valid"] is True
    assert report["summary"]["listen"].startswith("127.0.0.1:1")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("listen: 127.0.0.1:1", "providers: "),
        (configuration(), "audit: "),
        (configuration(), "identity: "),
        (configuration() + "record_upstream_text: true\n", "record_upstream_text: "),
        (configuration(endpoint="http://warp.internal:1"), "providers[0].endpoint: "),
        (configuration(audit="audit: {directory: journal}"), "audit.ship: "),
        (configuration(audit="audit: {directory: journal}"), "audit.signing_key_file: "),
        (
            configuration(audit="audit: {directory: j, checkpoint_interval: 60}"),
            "audit.checkpoint_interval: up to 60 s",
        ),
        (configuration(audit="audit: {directory: j, signing_key_file: j/key.pem}"), "audit.signing_key_file: "),
        (configuration(audit="audit: {directory: j, durability: os}"), "audit.durability: "),
        (
            configuration(audit="audit: {directory: a, query: {source: central, central: {endpoint: 'https://h'}}}"),
            "audit.query.central",
        ),
        (configuration() + "telemetry: {prometheus_listen: '0.0.0.0:9464'}\n", "telemetry.prometheus_listen: "),
        (configuration() + "telemetry: {prometheus_listen: 'gateway:9464'}\n", "telemetry.prometheus_listen: "),
    ],
)
def test_risky_setting_draws_a_warning(text: str, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_signing_key(tmp_path / "j/key.pem")
    assert [text for text in warnings(tmp_path, text, capsys) if text.startswith(key)]


@pytest.mark.parametrize("endpoint", ["https://warp.internal:1", "http://127.0.0.1:1", "http://localhost:1"])
def test_encrypted_or_local_endpoint_draws_no_warning(
    endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = warnings(tmp_path, configuration(endpoint=endpoint), capsys)
    assert [text for text in found if "endpoint" in text] == []


@pytest.mark.parametrize("listen", ["9464", "':9464'", "'127.0.0.1:9464'", "'[::1]:9464'", "'localhost:9464'"])
def test_metrics_on_loopback_draw_no_warning(listen: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = configuration() + f"telemetry: {{prometheus_listen: {listen}}}\n"
    assert [text for text in warnings(tmp_path, text, capsys) if "prometheus_listen" in text] == []


def test_signing_key_outside_the_journal_draws_no_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_signing_key(tmp_path / "keys/signing.pem")
    text = configuration(audit="audit: {directory: j, signing_key_file: keys/signing.pem}")
    assert [text for text in warnings(tmp_path, text, capsys) if text.startswith("audit.signing_key_file")] == []


@pytest.mark.parametrize(
    ("audit", "queries"),
    [
        ("", "disabled (no audit.query)"),
        ("audit: {directory: journal}", "disabled (no audit.query)"),
        ("audit: {directory: journal, query: {}}", "answered from an index of the journal"),
    ],
)
def test_summary_states_what_answers_audit_queries(
    audit: str, queries: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, configuration(audit=audit)) == 0
    assert f"  queries:   {queries}\n" in capsys.readouterr().out


def test_summary_states_where_envoy_is_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, configuration() + "envoy_sds: {listen: '127.0.0.1:50053'}\n") == 0
    assert "  envoy sds: 127.0.0.1:50053 (plaintext)\n" in capsys.readouterr().out
    assert check(tmp_path, configuration()) == 0
    assert "  envoy sds: not served\n" in capsys.readouterr().out


def test_summary_states_where_the_vault_api_is_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, configuration() + "vault_api: {listen: '127.0.0.1:8300'}\n") == 0
    assert "  vault api: 127.0.0.1:8300 (plaintext)\n" in capsys.readouterr().out
    assert check(tmp_path, configuration()) == 0
    assert "  vault api: not served\n" in capsys.readouterr().out


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("keyway-gateway 0.")
