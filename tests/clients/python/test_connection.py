"""What goes together, and what gRPC is told."""

import json
from pathlib import Path
from typing import Any

import pytest

import keyway
from keyway.connection import Connection
from keyway.service_config import methods, repeatable

CHANGING = {
    "CreateCertificate",
    "DeleteCertificate",
    "UploadCertificate",
    "ImportCertificate",
    "InstallSignedCertificate",
    "ImportTrustedAuthority",
    "DeleteTrustedAuthority",
}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"address": "keyway:1", "plaintext": True}, "leaves this machine"),
        ({"plaintext": True, "token": "secret"}, "over TLS only"),
        ({"plaintext": True, "ca": b""}, "takes neither"),
        ({"certificate": b""}, "private_key"),
        ({"private_key": b""}, "private_key"),
        ({"deadline": 0}, "deadline"),
    ],
)
@pytest.mark.parametrize("connect", [keyway.connect, keyway.aio.connect])
def test_what_does_not_go_together(connect: Any, options: Any, complaint: Any) -> None:
    with pytest.raises(ValueError, match=complaint) as refusal:
        connect(**{"address": "localhost:1", **options})
    assert "secret" not in str(refusal.value)


def test_plaintext_to_elsewhere_has_to_be_said() -> None:
    Connection(address="keyway:1", plaintext=True, allow_remote_plaintext=True)


def test_what_changes_something_is_never_repeated() -> None:
    assert {method.name for method in methods()} - {method.name for method in repeatable()} == CHANGING
    told = dict(Connection(address="localhost:1", plaintext=True).channel_options())
    config = json.loads(told["grpc.service_config"])
    (policy,) = config["methodConfig"]
    assert not CHANGING & {name["method"] for name in policy["name"]}
    assert policy["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    assert "healthCheckConfig" not in config


def test_repetition_and_health_checks_are_a_matter_of_choice() -> None:
    options = Connection(address="localhost:1", plaintext=True, retries=False, health_checks=True).channel_options()
    config = json.loads(dict(options)["grpc.service_config"])
    assert "methodConfig" not in config
    assert config["healthCheckConfig"] == {"serviceName": ""}


def test_the_callers_options_win() -> None:
    connection = Connection(address="localhost:1", plaintext=True, options=[("grpc.keepalive_time_ms", 1)])
    told = connection.channel_options()
    assert told.count(("grpc.keepalive_time_ms", 1)) == 1
    assert ("grpc.keepalive_time_ms", 60_000) not in told
    assert ("grpc.max_receive_message_length", 64 << 20) in told


def test_pem_comes_from_files_too(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keyway.connect("localhost:1", ca=tmp_path / "none.pem")
