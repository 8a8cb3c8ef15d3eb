"""The command `check-config` and the files that the configuration names: every problem, with its key's position."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.cli.program import main
from tests.support.authority import CertificateAuthority

MARKER = "hunter2-marker"

CONFIGURATION = f"""\
listen: localhost:0
workers: 0
identity:
  certificate_file: server.pem
  private_key_file: server.key
  mtls:
    trust_bundle_file: callers-ca.pem
policy:
  policy_files:
  - good.cedar
  - bad.cedar
  entities_file: entities.json
audit:
  directory: audit
  signing_key_file: signing.pem
  ship:
    endpoint: https://collector:4317
    ca_certificates: {{file: bad.pem}}
    client_certificate:
      certificate: {{file: bad.pem}}
      private_key: {{file: bad.pem}}
telemetry:
  endpoint: https://collector:4317
  ca_certificates: {{file: bad.pem}}
providers:
- id: a
  type: nhn-secure-key-manager
  endpoint: https://h
  app_key: {MARKER}
  ca_certificates: {{file: bad.pem}}
  client_certificate:
    certificate: {{file: bad.pem}}
    private_key: {{file: bad.pem}}
- id: b
  type: asteria
  endpoint: https://h
  login: {{user_name: u, password: {{file: missing}}}}
  client_certificate: {{pkcs12: {{file: bad.pem}}}}
  tiemout: 1
"""

PROBLEMS = [
    "2:10: workers: must be ",
    "4:3: identity.certificate_file: contains no PEM certificate",
    "5:3: identity.private_key_file: the file ",
    "7:5: identity.mtls.trust_bundle_file: contains no PEM certificate",
    "11:5: policy.policy_files[1]: bad.cedar:1: ",
    "11:5: policy.policy_files[1]: bad.cedar:2: ",
    "12:3: policy.entities_file: entities.json:1: not valid JSON",
    "18:22: audit.ship.ca_certificates: contains no PEM certificate",
    "20:20: audit.ship.client_certificate.certificate: contains no PEM certificate",
    "21:20: audit.ship.client_certificate.private_key: cannot be read",
    "24:20: telemetry.ca_certificates: contains no PEM certificate",
    "30:3: providers[0].ca_certificates: contains no PEM certificate",
    "32:5: providers[0].client_certificate.certificate: contains no PEM certificate",
    "33:5: providers[0].client_certificate.private_key: contains no PEM private key",
    "37:35: providers[1].login.password: the file ",
    "38:24: providers[1].client_certificate.pkcs12: malformed file, wrong password, or ",
    "39:3: providers[1]: unknown key 'tiemout'; did you mean 'timeout'?",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("server.pem", "callers-ca.pem", "bad.pem", "signing.pem"):
        (tmp_path / name).write_text(MARKER)
    (tmp_path / "good.cedar").write_text("forbid(principal, action, resource);")
    (tmp_path / "bad.cedar").write_text("permit(principal == ?principal, action, resource);\nallow();")
    (tmp_path / "entities.json").write_text("{")
    return tmp_path


def reported(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the reported problems without the name of the configuration, in the order of their lines."""
    path = folder / "keyway.yaml"
    path.write_text(text)
    assert main(["check-config", str(path)]) == 2
    errors = capsys.readouterr().err
    assert MARKER not in errors
    lines = [line.removeprefix(f"keyway: {path}:") for line in errors.splitlines()]
    return sorted(lines, key=lambda line: [int(number) for number in line.split(":")[:2]])


def test_every_problem_is_reported_with_the_position_of_its_key(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = reported(folder, CONFIGURATION, capsys)
    unmatched = [line for line in found if not any(line.startswith(expected) for expected in PROBLEMS)]
    assert unmatched == []
    assert [expected for expected in PROBLEMS if not any(line.startswith(expected) for line in found)] == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "the file {folder}/signing.pem cannot be read: No such file or directory"),
        (MARKER, "{folder}/signing.pem: not a private key in PKCS#8 PEM without a password"),
        ("EC", "{folder}/signing.pem: not an Ed25519 key"),
    ],
)
def test_unusable_signing_key_is_reported(
    content: str | None, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        key = CertificateAuthority().server().key_pem.decode() if content == "EC" else content
        (tmp_path / "signing.pem").write_text(key)
    text = "audit:\n  directory: audit\n  signing_key_file: signing.pem\n"
    assert reported(tmp_path, text, capsys) == [f"3:3: audit.signing_key_file: {fault.format(folder=tmp_path)}"]
    assert not (tmp_path / "audit").exists()


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("jwks_file: keys.json", "4:9: identity.jwt.jwks_file: "),
        ("jwks_url: 'https://i', jwks_ca_certificates: {file: keys.json}", "4:32: identity.jwt.jwks_ca_certificates: "),
    ],
)
def test_unusable_key_set_is_reported(
    source: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CertificateAuthority().server(expires_in=timedelta(days=90)).write(tmp_path, "server")
    (tmp_path / "keys.json").write_text(MARKER)
    (tmp_path / "p.cedar").write_text("")
    text = (
        "identity:\n  certificate_file: server.pem\n  private_key_file: server.key\n"
        f"  jwt: {{{source}, issuer: i, audience: a}}\n"
        "policy: {policy_files: [p.cedar]}\n"
    )
    (found,) = reported(tmp_path, text, capsys)
    assert found.startswith(fault)


def test_client_certificate_that_fits_no_key_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = CertificateAuthority()
    authority.server().write(tmp_path, "own")
    authority.server().write(tmp_path, "other")
    text = (
        "providers:\n- {id: a, type: nhn-secure-key-manager, app_key: k,\n"
        "   client_certificate: {certificate: {file: own.pem}, private_key: {file: other.key}}}\n"
    )
    (found,) = reported(tmp_path, text, capsys)
    assert found.startswith("3:4: providers[0].client_certificate: malformed file, wrong password, or ")
