"""Validation of connection arguments, and the channel arguments for gRPC."""

import json
from pathlib import Path
from typing import Any

import pytest

import keyway
from keyway.calls import CallDetails, prepared
from keyway.connection import Connection
from keyway.service_config import methods, retryable, service_config

SHARED_CONFIG = Path(__file__).parents[3] / "clients" / "service-config.json"
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
        ({"address": "keyway:1", "plaintext": True}, "limited to loopback"),
        ({"plaintext": True, "token": "secret"}, "token requires TLS"),
        ({"plaintext": True, "ca": b""}, "cannot be combined"),
        ({"certificate": b""}, "private_key"),
        ({"private_key": b""}, "private_key"),
        ({"deadline": 0}, "deadline"),
    ],
)
@pytest.mark.parametrize("connect", [keyway.connect, keyway.aio.connect])
def test_contradicting_arguments_are_rejected(connect: Any, options: Any, complaint: Any) -> None:
    with pytest.raises(ValueError, match=complaint) as refusal:
        connect(**{"address": "localhost:1", **options})
    assert "secret" not in str(refusal.value)


def test_plaintext_to_elsewhere_has_to_be_said() -> None:
    Connection(address="keyway:1", plaintext=True, allow_remote_plaintext=True)


def test_what_changes_something_is_never_repeated() -> None:
    assert {method.name for method in methods()} - {method.name for method in retryable()} == CHANGING
    options = dict(Connection(address="localhost:1", plaintext=True).channel_options())
    config = json.loads(options["grpc.service_config"])
    (policy,) = config["methodConfig"]
    assert not CHANGING & {name["method"] for name in policy["name"]}
    assert policy["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    assert "healthCheckConfig" not in config


def test_retries_and_health_checks_are_optional() -> None:
    options = Connection(address="localhost:1", plaintext=True, retries=False, health_checks=True).channel_options()
    config = json.loads(dict(options)["grpc.service_config"])
    assert "methodConfig" not in config
    assert config["healthCheckConfig"] == {"serviceName": ""}


def test_client_uses_the_shared_service_config() -> None:
    shared = json.loads(SHARED_CONFIG.read_text())
    (policy, _) = shared["methodConfig"]
    # Programs that use the file set a deadline for every call. The client's calls fail early without a gateway.
    del policy["waitForReady"]
    assert json.loads(service_config(retries=True, health_checks=True)) == {**shared, "methodConfig": [policy]}


def test_plaintext_uses_no_proxy() -> None:
    assert ("grpc.enable_http_proxy", 0) in Connection(address="localhost:1", plaintext=True).channel_options()
    assert "grpc.enable_http_proxy" not in dict(Connection(address="keyway:1").channel_options())


def test_options_of_the_caller_override_defaults() -> None:
    connection = Connection(address="localhost:1", plaintext=True, options=[("grpc.keepalive_time_ms", 1)])
    options = connection.channel_options()
    assert options.count(("grpc.keepalive_time_ms", 1)) == 1
    assert ("grpc.keepalive_time_ms", 60_000) not in options
    assert ("grpc.max_receive_message_length", 64 << 20) in options


def test_missing_pem_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        keyway.connect("localhost:1", ca=tmp_path / "none.pem")


@pytest.mark.parametrize("unfit", ["", "\n", "sec\nret", "geheim\u00df"])
def test_invalid_token_is_rejected_and_not_printed(unfit: Any) -> None:
    details = CallDetails("/m", None, (), None, None, None)
    with pytest.raises(keyway.KeywayError, match="UNAUTHENTICATED") as refusal:
        prepared(details, 1.0, unfit)
    assert "ret" not in str(refusal.value)
    assert "geheim" not in str(refusal.value)


def test_a_token_is_sent_without_what_a_file_has_around_it() -> None:
    details = CallDetails("/m", None, (), None, None, None)
    assert ("authorization", "Bearer of-a-file") in prepared(details, 1.0, " of-a-file\n").metadata
