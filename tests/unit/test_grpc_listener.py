"""The choice of gRPC's listener: the older one only where no unauthenticated peer can send frames."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import grpc_listener
from gateway.config.grpc_listener import VARIABLE

IOMGR = {VARIABLE: "-event_engine_listener"}
MTLS = {"mtls": {"trust_bundle_file": "ca.pem"}, "certificate_file": "c.pem", "private_key_file": "k.pem"}
JWT = {"jwt": {"issuer": "i", "audience": "a", "jwks_file": "j"}, "certificate_file": "c.pem", "private_key_file": "k"}
ANYWHERE, LOCAL = "0.0.0.0:50051", "127.0.0.1:50051"


@pytest.fixture(autouse=True)
def _without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ({}, {}),  # an unknown address is not local
        ({"listen": LOCAL}, IOMGR),
        ({"listen": "[::1]:50051"}, IOMGR),
        ({"listen": "localhost:0"}, IOMGR),
        ({"listen": LOCAL, "health_listen": LOCAL}, IOMGR),
        ({"listen": LOCAL, "health_listen": ANYWHERE}, {}),
        ({"listen": ANYWHERE, "identity": MTLS}, IOMGR),
        ({"listen": ANYWHERE, "identity": MTLS, "health_listen": LOCAL}, IOMGR),
        ({"listen": ANYWHERE, "identity": MTLS, "health_listen": ANYWHERE}, {}),
        ({"listen": ANYWHERE, "identity": JWT}, {}),
        ({"listen": LOCAL, "identity": JWT}, {}),
        ({"listen": LOCAL, "grpc_listener": "event_engine"}, {}),
        ({"listen": ANYWHERE, "identity": JWT, "grpc_listener": "iomgr"}, IOMGR),
        ({"listen": LOCAL, "grpc_listener": "unknown"}, {}),
        ({"listen": LOCAL, "identity": "unknown"}, {}),
    ],
)
def test_older_listener_serves_only_peers_that_are_authenticated_or_local(
    values: Mapping[str, Any], chosen: Mapping[str, str]
) -> None:
    assert grpc_listener.environment(values) == chosen


def test_variable_of_the_operator_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "event_engine_fork")
    assert grpc_listener.environment({"listen": LOCAL}) == {}


@pytest.mark.parametrize(
    ("values", "unsafe"),
    [
        ({"grpc_listener": "iomgr", "listen": ANYWHERE, "identity": JWT}, True),
        ({"grpc_listener": "iomgr", "listen": ANYWHERE, "identity": MTLS}, False),
        ({"grpc_listener": "auto", "listen": ANYWHERE, "identity": JWT}, False),
    ],
)
def test_unsafe_choice_is_recognized(values: Mapping[str, Any], unsafe: bool) -> None:
    assert grpc_listener.is_unsafe(values) is unsafe


@pytest.mark.parametrize(
    ("tree", "overrides", "chosen"),
    [
        ({}, {}, True),
        ({"listen": ANYWHERE, "identity": MTLS}, {}, True),
        ({"listen": ANYWHERE, "identity": JWT}, {}, False),
        ({"listen": {"env": "KEYWAY_LISTEN"}}, {}, True),
        ({"listen": LOCAL}, {"listen": ANYWHERE}, False),
        ({"listen": LOCAL, "workers": 2}, {}, False),
        ({"listen": LOCAL}, {"workers": 2}, False),
    ],
)
def test_environment_follows_the_file(
    tree: Mapping[str, Any],
    overrides: Mapping[str, object],
    chosen: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEYWAY_LISTEN", LOCAL)
    monkeypatch.setenv(VARIABLE, "")  # so that the change is undone after the test
    monkeypatch.delenv(VARIABLE)
    path = tmp_path / "keyway.yaml"
    path.write_text(yaml.safe_dump(tree))
    grpc_listener.choose_for_file(path, overrides)
    assert (os.environ.get(VARIABLE) == IOMGR[VARIABLE]) is chosen


@pytest.mark.parametrize("content", [b"\xff", b"listen: [", b"- a", b""])
def test_unreadable_file_chooses_nothing_and_raises_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "keyway.yaml"
    path.write_bytes(content)
    grpc_listener.choose_for_file(path, {"listen": ANYWHERE})
    grpc_listener.choose_for_file(tmp_path / "absent.yaml", {})
