"""`keyway whoami` with each kind of identity."""

import socket
from datetime import UTC, datetime

import pytest

from keyway.testing import Sandbox
from tests.clients.python.cli.commands import Commands
from tests.support.authority import TokenIssuer

pytestmark = pytest.mark.xdist_group("sandbox")


def test_client_certificate_is_shown(commands: Commands, keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    own = ("--ca", box.ca, "--certificate", box.certificate, "--private-key", box.private_key)
    assert commands("context", "set", "trusted", "--address", box.mtls, *own).code == 0
    ran = commands("whoami", "--context", "trusted", "--json", KEYWAY_ADDRESS=box.mtls)
    (found,) = ran.objects()
    assert (ran.code, found["context"], found["gateway"]) == (0, "trusted", f"{box.mtls} (TLS)")
    assert (found["certificateSubject"], found["certificateIssuer"]) == ("CN=client", "CN=Keyway sandbox CA")
    assert found["certificateNames"][0].startswith("spiffe://")
    assert found["accepted"] is True
    text = commands("whoami", "--context", "trusted", KEYWAY_ADDRESS=box.mtls).text
    assert "Certificate  CN=client" in text
    assert text.endswith("Accepted     yes\n")


def test_token_is_not_printed(commands: Commands, keyway_sandbox: Sandbox) -> None:
    box = keyway_sandbox
    given = ("whoami", "--address", box.jwt, "--ca", box.ca)
    for options in ((), ("--json",)):
        ran = commands(*given, *options, KEYWAY_TOKEN=box.token)
        assert ran.code == 0
        assert not any(part in ran.text + ran.errors for part in box.token.split("."))
    (found,) = ran.objects()
    assert (found["tokenSub"], found["tokenAud"], found["context"]) == ("sandbox", "keyway", "none")
    assert found["tokenExpires"] > f"{datetime.now(UTC):%Y-%m-%d}"


def test_rejected_token_is_explained(commands: Commands, keyway_sandbox: Sandbox) -> None:
    given = ("whoami", "--json", "--address", keyway_sandbox.jwt, "--ca", keyway_sandbox.ca)
    ran = commands(*given, KEYWAY_TOKEN=TokenIssuer().token(exp=1))
    (found,) = ran.objects()
    assert (ran.code, found["accepted"], found["problem"]) == (1, False, "TOKEN_EXPIRED")
    assert found["tokenExpires"] == "1970-01-01 00:00:01 UTC (expired)"
    (nobody,) = commands(*given).objects()
    assert (nobody["accepted"], nobody["problem"]) == (False, "CREDENTIALS_MISSING")


def test_identity_is_shown_without_a_gateway(commands: Commands) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        ran = commands("whoami", "--address", f"127.0.0.1:{bound.getsockname()[1]}")
    assert ran.code == 1
    assert "Identity  none: the caller sends no certificate and no token\n" in ran.text
    assert "Accepted  unknown: nothing listens on this address: " in ran.text
    assert ran.text.count("nothing listens") == 1
