"""The `policy` commands over a real configuration."""

import json
import shutil
from pathlib import Path

import pytest

from gateway.cli.program import main
from tests.support.processes import run

EXAMPLES = Path("deploy/policies")
CONFIGURATION = """
identity: {certificate_file: not-here, private_key_file: not-here, mtls: {trust_bundle_file: not-here}}
providers: [{id: keys, type: nhn-secure-key-manager, endpoint: 'https://keys', app_key: {env: NOT_SET}}]
policy:
  policy_files: [policies/web.cedar, policies/orders.cedar, policies/auditor.cedar, policies/operator.cedar]
  entities_file: policies/entities.json
"""
ORDERS = ("--caller", "spiffe://example.org/orders", "--method", "Encrypt", "--resource")


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Return a configuration without the secrets and files of other sections: `policy` commands do not need them."""
    shutil.copytree(EXAMPLES, tmp_path / "policies")
    path = tmp_path / "keyway.yaml"
    path.write_text(CONFIGURATION)
    return path


async def test_check_prints_a_summary(configuration: Path) -> None:
    ended = await run(configuration.parent.parent, "policy", "check", "--config", configuration)
    assert (ended.code, ended.errors) == (0, "")
    assert ended.output.splitlines() == [
        "web.cedar: 1 policy",
        "orders.cedar: 1 policy",
        "auditor.cedar: 2 policies",
        "operator.cedar: 1 policy",
        "entities.json: 4 callers in 3 groups",
    ]


def test_check_reports_each_error_with_file_and_line(configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (configuration.parent / "policies/web.cedar").write_text("permit(principal, action, resource)\n")
    (configuration.parent / "policies/entities.json").write_text("{")
    assert main(["policy", "check", "--config", str(configuration)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "keyway: policy: web.cedar:1: the policy does not end with ';'",
        "keyway: policy: entities.json:1: not valid JSON: Expecting property name enclosed in double quotes",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("listen: 127.0.0.1:1", "policy: is required by this command"),
        ("policy: {}", "keyway.yaml:1:9: policy.policy_files: is required"),
        (
            "policy: {policy_files: [x.cedar], polices: 1}",
            "keyway.yaml:1:35: policy: unknown key 'polices'; did you mean",
        ),
        ("policy: {policy_files: [{file: x.cedar}]}", "policy.policy_files[0]: the file "),
        ("- 1", "policy: is required by this command"),
        ("policy: [", "not valid YAML"),
    ],
)
def test_invalid_policy_section_is_reported(
    tmp_path: Path, text: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keyway.yaml"
    path.write_text(text)
    assert main(["policy", "check", "--config", str(path)]) == 2
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize(("key", "allowed"), [("orders-key", True), ("payments-key", False)])
def test_explain_prints_the_decision(
    configuration: Path, key: str, allowed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every decision is a success of the command."""
    arguments = ["policy", "explain", "--config", str(configuration), *ORDERS, f"providers/nhn-keys/keys/{key}"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("ALLOWED: " if allowed else "DENIED: ")
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["allowed"] == allowed


def test_explain_rejects_invalid_arguments(configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", "--config", str(configuration), *ORDERS, "providers/nhn-keys"]) == 2
    assert "keyway: --resource: Encrypt requires a name like providers/{provider}/keys/{key}" in capsys.readouterr().err


def test_schema_prints_the_cedar_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "schema"]) == 0
    assert "entity KeyVersion in [Key]" in capsys.readouterr().out
