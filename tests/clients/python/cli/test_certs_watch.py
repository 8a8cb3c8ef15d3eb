"""The command `keyway certs watch`, with a server that follows a script."""

import json
from pathlib import Path

import grpc
import pytest

from tests.clients.python.cli.commands import Commands, Ran
from tests.support.scripted_watch import PARENT, Item, ScriptedWatch, event, scripted_watch

pytestmark = pytest.mark.xdist_group("sandbox")

EVENTS: list[Item] = [event("CURRENT", "a", "0123456789abcdef", "t1"), event("SYNCED", token="t1"), None]


def watch(commands: Commands, script: ScriptedWatch, *arguments: str) -> Ran:
    ca = Path(commands.folder) / "ca.pem"
    ca.write_bytes(script.connection["ca"])
    (Path(commands.folder) / "token").write_text("t0ken")
    connection = ("--address", script.connection["address"], "--ca", str(ca), "--token-file", "token")
    return commands(*connection, "certs", "watch", *arguments)


def test_current_versions_are_printed(commands: Commands) -> None:
    with scripted_watch(EVENTS) as script:
        ran = watch(commands, script, "p/a", "--once")
    assert (ran.code, ran.errors) == (0, "")
    first, last = ran.lines
    assert first.endswith("  current     p/a  version 0123456789ab")
    assert last.endswith("  synced")
    (request,) = script.requests
    assert (request.parent, list(request.names)) == (PARENT, [f"{PARENT}/certificates/a"])


def test_all_certificates_of_a_provider_are_printed_as_json(commands: Commands) -> None:
    with scripted_watch(EVENTS) as script:
        ran = watch(commands, script, "--provider", "p", "--once", "--json", "--resume-token", "t0")
    assert [each["type"] for each in map(json.loads, ran.lines)] == [
        "CERTIFICATE_EVENT_TYPE_CURRENT", "CERTIFICATE_EVENT_TYPE_SYNCED",
    ]  # fmt: skip
    (request,) = script.requests
    assert (request.parent, list(request.names), request.resume_token) == (PARENT, [], "t0")


def test_error_is_reported(commands: Commands) -> None:
    with scripted_watch([grpc.StatusCode.PERMISSION_DENIED]) as script:
        ran = watch(commands, script, "--provider", "p")
    assert ran.code == 17
    assert "PERMISSION_DENIED" in ran.errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "pass either certificates or --provider"),
        (("p/a", "--provider", "p"), "pass either certificates or --provider"),
        (("p/a", "q/a"), "the certificates belong to different providers: p, q"),
    ],
)
def test_wrong_usage_is_explained(commands: Commands, arguments: tuple[str, ...], message: str) -> None:
    ran = commands("certs", "watch", *arguments)
    assert (ran.code, ran.output) == (2, b"")
    assert message in ran.errors
