"""The configuration file of the agent: errors name the field and what it accepts."""

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyway.agent.actions import CommandAction, HttpAction
from keyway.agent.fields import ConfigurationError
from keyway.agent.settings import TrustStoreSource
from keyway.agent.settings_file import load

OUTPUT = {"file": "fullchain.pem", "content": ["certificate", "chain"]}


def tree(**changes: Any) -> dict[str, Any]:
    """Return a valid file. changes: of its only certificate."""
    certificate = {
        "name": "www",
        "certificate": "providers/nhn-certs/certificates/www.example.com",
        "directory": "www",
        "outputs": [OUTPUT],
        **changes,
    }
    return {"gateway": {"address": "127.0.0.1:50051"}, "certificates": [certificate]}


def loaded(folder: Path, content: dict[str, Any]) -> Any:
    file = folder / "agent.yaml"
    file.write_text(yaml.safe_dump(content))
    return load(file)


def test_smallest_file_is_accepted(tmp_path: Path) -> None:
    settings = loaded(tmp_path, tree())
    (certificate,) = settings.certificates
    assert settings.connection["plaintext"]
    assert (settings.poll_seconds, certificate.schedule.jitter) == (300, 600)
    assert certificate.directory == tmp_path / "www"
    assert [(each.file, each.mode) for each in certificate.outputs] == [("fullchain.pem", 0o644)]
    assert not certificate.needs_key


def test_check_names_missing_files(tmp_path: Path) -> None:
    content = tree(password_file="password")
    content["gateway"] |= {"ca": "ca.pem", "token_file": "token"}
    loaded(tmp_path, content)
    (tmp_path / "ca.pem").touch()
    command = (sys.executable, "-m", "keyway_cli", "agent", "check", "--file", str(tmp_path / "agent.yaml"))
    checked = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "correct; certificates: www" in checked.stdout
    warned = [line.split(":")[1].strip() for line in checked.stderr.splitlines()]
    assert warned == [str(tmp_path / "token"), str(tmp_path / "password")]


def test_remote_gateway_uses_tls(tmp_path: Path) -> None:
    gateway = {"address": "keyway.example.org:443", "ca": "ca.pem"}
    connection = loaded(tmp_path, {**tree(), "gateway": gateway}).connection
    assert "plaintext" not in connection
    assert connection["ca"] == str(tmp_path / "ca.pem")


def test_complete_file_is_accepted(tmp_path: Path) -> None:
    maintenance = {"time_zone": "Asia/Seoul", "windows": [{"days": ["sat"], "start": "02:00", "end": "05:00"}]}
    content = {
        **tree(
            hosts=["www.example.com"],
            outputs=[
                OUTPUT,
                {"file": "private.key", "content": ["private_key"], "mode": "0640", "group": "0"},
                {"file": "keystore.p12", "format": "pkcs12", "password_file": "password", "alias": "www"},
                {"file": "trust.p12", "format": "pkcs12-trust-store", "password_file": "password"},
            ],
            check={"command": ["nginx", "-t"], "timeout": "10s"},
            reload={"http": "http://127.0.0.1:8080/reload", "username": "u", "password_file": "p"},
            verify={"address": "[::1]:443", "server_name": "www.example.com", "timeout": "1m"},
            jitter="2h",
            trust_store={"name": "providers/asteria/trustStores/server", "certificates_file": "authorities.pem"},
        ),
        "maintenance": maintenance,
        "override_before_expiry": "3d",
    }
    settings = loaded(tmp_path, content)
    (certificate,) = settings.certificates
    store = TrustStoreSource("providers/asteria/trustStores/server", tmp_path / "authorities.pem")
    assert certificate.trust_store == store
    assert store.certificates_file in settings.input_files()
    assert certificate.check == CommandAction(("nginx", "-t"), 10)
    assert certificate.reload == HttpAction("http://127.0.0.1:8080/reload", "POST", "u", tmp_path / "p", 60)
    assert (certificate.verify.host, certificate.verify.port, certificate.verify.seconds) == ("::1", 443, 60)
    assert (certificate.schedule.jitter, certificate.schedule.override_seconds) == (7200, 3 * 86400)
    assert certificate.schedule.is_open(dt.datetime(2026, 11, 27, 18, 0, tzinfo=dt.UTC))  # Saturday 03:00 in Seoul


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nam": "x"}, "certificates[0].nam: unknown field; did you mean 'name'?"),
        ({"name": None}, "certificates[0].name: missing"),
        ({"name": "a/b"}, "certificates[0].name: must be letters, digits, '.', '_', or '-', at most 63"),
        ({"certificate": "www"}, "certificates[0].certificate: must be a resource name"),
        ({"hosts": "www"}, "certificates[0].hosts: must be a list"),
        ({"hosts": [""]}, "certificates[0].hosts[0]: must be text that is not empty"),
        ({"outputs": []}, "certificates[0].outputs: must not be empty"),
        ({"outputs": [{**OUTPUT, "mode": 640}]}, "certificates[0].outputs[0].mode: must be text (put numbers"),
        ({"outputs": [{**OUTPUT, "mode": "rw"}]}, "certificates[0].outputs[0].mode: must be octal"),
        ({"outputs": [{**OUTPUT, "file": "a/b"}]}, "certificates[0].outputs[0].file: must be a file name"),
        ({"outputs": [OUTPUT, OUTPUT]}, "certificates[0].outputs[1].file: 'fullchain.pem' is used twice"),
        ({"outputs": [{**OUTPUT, "content": ["key"]}]}, "outputs[0].content[0]: must be one of: certificate, chain"),
        ({"outputs": [{**OUTPUT, "format": "jks"}]}, "outputs[0].format: must be one of: pem, pkcs12"),
        ({"outputs": [{"file": "a", "format": "pkcs12"}]}, "outputs[0].password_file: missing; the format pkcs12"),
        (
            {"outputs": [{**OUTPUT, "content": ["private_key"], "mode": "0644"}]},
            "certificates[0].outputs[0].mode: a file with a private key must not be accessible to all users",
        ),
        ({"reload": {}}, "certificates[0].reload: must contain exactly one of: command, signal, http"),
        ({"reload": {"command": "nginx -s reload"}}, "certificates[0].reload.command: must be a list"),
        ({"reload": {"signal": "HUP"}}, "certificates[0].reload.pid_file: missing"),
        ({"reload": {"signal": "HOP", "pid_file": "p"}}, "certificates[0].reload.signal: must be the name of a signal"),
        ({"reload": {"http": "ftp://x"}}, "certificates[0].reload.http: must be a URL"),
        ({"reload": {"http": "http://x:99999/"}}, "certificates[0].reload.http: must be a URL"),
        ({"reload": {"command": ["a\0b"]}}, "certificates[0].reload.command[0]: must be text"),
        ({"reload": {"command": ["x"], "timeout": 0}}, "reload.timeout: must be at least 1 s and at most 3600 s"),
        ({"verify": {"address": "443"}}, "certificates[0].verify.address: must be HOST:PORT"),
        (
            {"trust_store": {"name": "providers/p/certificates/c", "certificates_file": "f"}},
            "certificates[0].trust_store.name: must be a resource name: providers/{provider}/trustStores/{trust_store}",
        ),
        (
            {"trust_store": {"name": "providers/p/trustStores/t"}},
            "certificates[0].trust_store.certificates_file: missing",
        ),
        ({"jitter": "soon"}, "certificates[0].jitter: must be a duration, such as 30s, 5m, 12h, or 3d"),
        ({"maintenance": {"windows": [{"start": 120, "end": "03:00"}]}}, "windows[0].start: must be text (put"),
        ({"maintenance": {"windows": [{"start": "25:00", "end": "03:00"}]}}, "windows[0].start: must be a time"),
        (
            {"maintenance": {"windows": [{"days": ["x"], "start": "01:00", "end": "03:00"}]}},
            "certificates[0].maintenance.windows[0].days[0]: must be one of: mon, tue",
        ),
        (
            {"maintenance": {"time_zone": "Seoul", "windows": [{"start": "01:00", "end": "03:00"}]}},
            "certificates[0].maintenance.time_zone: unknown time zone 'Seoul'",
        ),
    ],
)
def test_invalid_field_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, tree(**changes))
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/agent.yaml: ")


def test_names_and_directories_are_used_once(tmp_path: Path) -> None:
    content = tree()
    content["certificates"] *= 2
    with pytest.raises(ConfigurationError, match=r"certificates\[1\].name: 'www' is used twice"):
        loaded(tmp_path, content)
    content["certificates"] = [content["certificates"][0], {**content["certificates"][0], "name": "other"}]
    with pytest.raises(ConfigurationError, match=r"certificates\[1\].directory: .* is also the directory of www"):
        loaded(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("certificates: [", "not YAML: while parsing"),
        ("a: 1\na: 2\n", "a: twice in one mapping, line 1"),
        ("- x\n", "the file: must be a mapping"),
        ("", "the file: must be a mapping"),
        ("{}", "gateway.address: missing"),
    ],
)
def test_broken_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert message in str(caught.value)
