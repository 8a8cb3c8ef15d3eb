"""Connection of the command line: options, variables, and the configuration file."""

from pathlib import Path
from typing import Any

import pytest

from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands

pytestmark = pytest.mark.xdist_group("sandbox")
SECRET = ("secrets", "get", "nhn-keys/demo-secret")


def test_client_certificate_authenticates(commands: Commands, keyway_sandbox: Sandbox) -> None:
    given = ("--address", keyway_sandbox.mtls, "--ca", keyway_sandbox.ca)
    own: dict[str, Any] = {
        "KEYWAY_CERTIFICATE": keyway_sandbox.certificate,
        "KEYWAY_PRIVATE_KEY": keyway_sandbox.private_key,
    }
    # Before the command, or after it.
    assert commands(*given, *SECRET, **own).code == 0
    assert commands(*SECRET, *given, **own).code == 0
    assert commands(*SECRET, *given, KEYWAY_CERTIFICATE=keyway_sandbox.certificate).code == 2
    assert commands(*SECRET, *given, "--timeout", "5").code == 24


def test_token_authenticates(commands: Commands, keyway_sandbox: Sandbox) -> None:
    (commands.folder / "token").write_text(f"{keyway_sandbox.token}\n")
    options: dict[str, Any] = {"KEYWAY_ADDRESS": keyway_sandbox.jwt, "KEYWAY_CA": keyway_sandbox.ca}
    refused = commands(*SECRET, "--token-file", "token", **options)
    assert refused.code == 17
    # The name appears once if reason and status are the same.
    assert refused.errors.startswith("keyway: PERMISSION_DENIED: ")
    assert commands("providers", "list", KEYWAY_TOKEN=keyway_sandbox.token, **options).code == 0
    assert commands("providers", "list", **options).code == 26


def configuration(commands: Commands, text: str) -> Path:
    path = commands.folder / "home" / ".config" / "keyway" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_contexts_of_the_configuration_file(commands: Commands, keyway_sandbox: Sandbox) -> None:
    path = configuration(
        commands,
        f"""
        context = "here"
        [contexts.here]
        address = "{keyway_sandbox.plain}"
        [contexts.trusted]
        address = "{keyway_sandbox.mtls}"
        ca = "ca.pem"
        certificate = "{keyway_sandbox.certificate}"
        private_key = "{keyway_sandbox.private_key}"
        """,
    )
    (path.parent / "ca.pem").write_bytes(Path(keyway_sandbox.ca).read_bytes())
    del commands.variables["KEYWAY_ADDRESS"]
    assert commands(*SECRET).code == 0
    options = commands(*SECRET, "-v", "--context", "trusted")
    assert (options.code, "receipt gw-" in options.errors) == (0, True)
    assert commands(*SECRET, KEYWAY_CONTEXT="trusted", KEYWAY_ADDRESS=keyway_sandbox.plain).code == 24
    (path.parent / "trusted.toml").write_text(path.read_text().replace('"here"', '"trusted"'))
    trusted = ("--config", path.parent / "trusted.toml")
    # The credentials of the default context are only for its own gateway.
    assert commands(*SECRET, *trusted, "--address", keyway_sandbox.mtls).code == 0
    assert commands(*SECRET, *trusted, "--address", keyway_sandbox.plain).code == 0
    assert commands(*SECRET, *trusted, KEYWAY_ADDRESS=keyway_sandbox.plain).code == 0
    assert commands(*SECRET, *trusted, "--address", keyway_sandbox.plain, "--context", "trusted").code == 24
    nowhere = commands(*SECRET, "--context", "nowhere")
    assert (nowhere.code, "unknown context 'nowhere'" in nowhere.errors) == (2, True)
    assert commands(*SECRET, "--config", "none.toml").code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[contexts.a]\nadress = 'x'", "unknown key contexts.a.adress; known keys: address, "),
        ("[contexts.a]\ntls = 'yes'", "invalid type of contexts.a.tls"),
        ("[contexts.a]\ntimeout = 0", "contexts.a.timeout must be greater than 0"),
        ("contexts = 3", "unknown context 'a'"),
        ("cotnext = 'a'", "unknown keys: cotnext"),
        ("[", "config.toml: "),
    ],
)
def test_invalid_configuration_is_rejected(commands: Commands, text: str, said: str) -> None:
    configuration(commands, text)
    ran = commands(*SECRET, "--context", "a")
    assert ran.code == 2
    assert said in ran.errors


def test_empty_token_file_is_named(commands: Commands) -> None:
    (commands.folder / "empty.jwt").write_text("\n")
    ran = commands("certs", "list", "--address", "localhost:1", "--token-file", "empty.jwt")
    assert (ran.code, ran.errors) == (2, "keyway: empty.jwt: the file contains no token\n")
