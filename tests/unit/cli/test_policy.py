"""The output of `policy check`, `policy explain`, and `policy schema`."""

import argparse
import json
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from gateway.authz import policy_report
from gateway.authz.explaining import action_of
from gateway.authz.schema import schema_text
from gateway.cli import policy
from gateway.cli.program import main
from gateway.config.base import ConfigError
from tests.support.policies import ALICE, group, member, settings

KEY = "providers/p/keys/k"
TEXT = """
@id("members") permit(principal in Keyway::Group::"outer", action in Keyway::Action::"UseKeys", resource);
permit(principal, action, resource) when { principal.groups.contains("root") };
@id("never") forbid(principal, action, resource) when { resource.id == "locked" };
"""
ENTITIES = [group("inner", "outer"), group("outer"), member(ALICE.name, "inner")]


def explain(folder: Path, *arguments: str) -> str:
    parser = argparse.ArgumentParser()
    policy.add_explain_arguments(parser)
    options = parser.parse_args(arguments)
    found = policy.explanation(settings(folder, TEXT, entities=ENTITIES), options)
    return json.dumps(found.as_json()) if options.json else found.as_text()


def as_alice(folder: Path, method: str, resource: str, *more: str) -> str:
    return explain(folder, "--caller", ALICE.name, "--method", method, "--resource", resource, *more)


def test_check_reports_counts_and_warnings(tmp_path: Path) -> None:
    reported = policy_report.check(settings(tmp_path, TEXT, "// none", entities=ENTITIES)).splitlines()
    assert reported[:3] == ["0.cedar: 3 policies", "1.cedar: 0 policies", "entities.json: 1 caller in 2 groups"]
    expected = (
        "0.cedar:3: permits every action except",
        "0.cedar:4: policy never: tests resource.id, which is the number of a key version",
        "0.cedar:4: policy never: forbids resources by name, but members permits other names",
    )
    assert len(reported[3:]) == len(expected)
    assert all(line.startswith(f"warning: {text}") for line, text in zip(reported[3:], expected, strict=True))


def test_check_of_an_invalid_file_fails(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"0\.cedar:1: "):
        policy_report.check(settings(tmp_path, "permit"))


def test_configuration_without_policy_section_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keyway.yaml"
    path.write_text("listen: 127.0.0.1:0\n")
    assert main(["policy", "check", "--config", str(path)]) == 2
    assert "policy: is required by this command" in capsys.readouterr().err


def test_explain_names_the_permit(tmp_path: Path) -> None:
    assert as_alice(tmp_path, "Encrypt", KEY).splitlines() == [
        f"ALLOWED: {ALICE.name} Encrypt {KEY}",
        "groups in the entities file: inner, outer",
        "permitted by members (0.cedar:2)",
    ]


def test_explain_names_the_forbid(tmp_path: Path) -> None:
    assert as_alice(tmp_path, "BatchEncrypt", "providers/p/keys/locked").splitlines()[2:] == [
        "forbidden by never (0.cedar:4)"
    ]


def test_explain_states_that_no_policy_permits(tmp_path: Path) -> None:
    reported = as_alice(tmp_path, "DeleteCertificate", "providers/p/certificates/c").splitlines()
    assert reported[0].startswith("DENIED: ")
    assert reported[2:] == ["no policy permits it"]


def test_explain_shows_the_nfc_form_of_a_name(tmp_path: Path) -> None:
    name, nfc = "providers/p/keys/e\u0301", "providers/p/keys/\u00e9"
    assert as_alice(tmp_path, "Encrypt", name).splitlines()[1] == (
        f"the resource name is not in NFC; also evaluated as {nfc}"
    )
    assert json.loads(as_alice(tmp_path, "Encrypt", name, "--json"))["resource_nfc"] == nfc
    assert len(as_alice(tmp_path, "Encrypt", nfc).splitlines()) == 3


def test_explain_lists_permits_that_do_not_name_private_material(tmp_path: Path) -> None:
    arguments = ("--caller", "1", "--kind", "jwt", "--group", "root", "--method")
    secret = explain(tmp_path, *arguments, "GetSecret", "--resource", "providers/p/secrets/s").splitlines()
    assert secret[0] == "DENIED: sub:1 GetSecret providers/p/secrets/s"
    assert secret[2] == "no policy permits it"
    assert secret[3].startswith("0.cedar:3 would permit it, but does not name GetSecret")
    certificate = (*arguments, "DownloadCertificate", "--resource", "providers/p/certificates/c")
    assert explain(tmp_path, *certificate).startswith("ALLOWED: sub:1 DownloadCertificate ")
    assert explain(tmp_path, *certificate, "--include-private-key").startswith(
        "DENIED: sub:1 DownloadCertificateWithPrivateKey "
    )


def test_explain_prints_json(tmp_path: Path) -> None:
    assert json.loads(as_alice(tmp_path, "keyway.v1.KeyService/Encrypt", KEY, "--json")) == {
        "allowed": True,
        "caller": ALICE.name,
        "groups": ["inner", "outer"],
        "action": "Encrypt",
        "resource_type": "keyway.dev/Key",
        "resource": KEY,
        "policies": [{"id": "members", "place": "0.cedar:2"}],
        "permits_that_do_not_name_the_action": [],
    }


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"--resource": "providers/p"}, "--resource: Encrypt requires a name like providers/{provider}/keys/{key}"),
        ({"--method": "Encode"}, "--method: unknown method Encode"),
        ({"--method": "List"}, "the methods are CheckCertificate, "),
        ({"--caller": "web"}, "--kind is required for the caller web: one of spiffe, dns, common-name, jwt"),
        ({"--include-private-key": None}, "--include-private-key: Encrypt does not accept include_private_key"),
    ],
)
def test_invalid_arguments_are_rejected(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    options = {"--caller": ALICE.name, "--method": "Encrypt", "--resource": KEY, **change}
    arguments = [part for option in options.items() for part in option if part is not None]
    with pytest.raises(ConfigError, match=fault.replace("{", r"\{")):
        explain(tmp_path, *arguments)


@pytest.mark.parametrize(
    ("method", "include_private_key", "action"),
    [
        ("Encrypt", False, "Encrypt"),
        ("BatchDecrypt", False, "Decrypt"),
        ("DownloadCertificate", True, "DownloadCertificateWithPrivateKey"),
        ("DownloadCertificate", False, "DownloadCertificate"),
        ("keyway.v1.CertificateService/CreateCertificate", False, "CreateCertificate"),
    ],
)
def test_action_of_a_method(method: str, include_private_key: bool, action: str) -> None:
    assert action_of(method, include_private_key=include_private_key) == action


def test_printed_schema_is_valid() -> None:
    assert "DownloadCertificateWithPrivateKey" in str(cedarpy.Schema.from_str(schema_text()))


def test_explain_shows_the_built_in_policy_of_the_poller(tmp_path: Path) -> None:
    arguments = ("--caller", "keyway:poller", "--method", "PollCertificates", "--resource")
    assert explain(tmp_path, *arguments, "providers/p").splitlines() == [
        "ALLOWED: keyway:poller PollCertificates providers/p",
        "groups in the entities file: none",
        "permitted by keyway:poller (built-in)",
    ]
    assert explain(tmp_path, *arguments, "providers/locked").splitlines()[0].startswith("DENIED")


def test_id_of_a_built_in_policy_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"0\.cedar:1: the @id must not begin with 'keyway:', which is reserved"):
        policy_report.check(settings(tmp_path, '@id("keyway:poller") forbid(principal, action, resource);'))
