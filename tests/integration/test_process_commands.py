"""Commands that end by themselves: check-config, health, --help, and invalid command lines."""

import asyncio
import os
import re
import ssl
from pathlib import Path

import pytest

from gateway.cli.program import main
from tests.support.authority import CertificateAuthority
from tests.support.processes import run, write_config
from tests.support.raw_server import RawServer, silence
from tests.support.stack import Stack

VALUE = "qV7-value-that-nobody-may-see"

BAD_CONFIGURATION = f"""
lissten: {VALUE}
listen: 0.0.0.0:50051
drain_timeout: {VALUE}
providers:
- {{id: a, type: nhn-secure-key-manager, endpoint: 'http://h', app_key: k, colour: {VALUE}}}
- {{id: b, type: {VALUE}}}
- {{id: c, type: nhn-secure-key-manager, endpoint: 'http://u:{VALUE}@h', app_key: k}}
- {{type: asteria, session_id: {VALUE}}}
- {{id: g, type: nhn-secure-key-manager, endpoint: 'http://h', app_key: {VALUE}}}
- {{id: d, type: asteria, endpoint: 'http://h', session_id: {{env: NOT_SET}}}}
- {{id: e, type: asteria, endpoint: 'http://h', session_id: {{file: missing.txt}}}}
- {{id: f, type: nhn-secure-key-manager, endpoint: 'http://h', app_key: [{VALUE}]}}
- {{id: g, type: nhn-secure-key-manager, endpoint: 'http://h', app_key: {VALUE}}}
"""

REFUSALS = (
    "unknown key 'lissten'; did you mean 'listen'?",
    "listen: must be a loopback address",
    "drain_timeout: ",
    "providers[0]: unknown key 'colour'",
    "providers[1].type: must be one of ",
    "providers[2].endpoint: ",
    "providers[3].id: is required",
    "providers[3].endpoint: is required",
    "providers[5].session_id: the environment variable NOT_SET is not set",
    "providers[6].session_id: the file ",
    "providers[7].app_key: ",
    "providers[8].id: ",
)


async def test_invalid_configuration_is_reported_by_key_and_place_without_the_value(tmp_path: Path) -> None:
    path = tmp_path / "keyway.yaml"
    path.write_text(BAD_CONFIGURATION)

    ended = await run(tmp_path, "check-config", path)

    assert (ended.code, ended.output) == (2, "")
    lines = ended.errors.splitlines()
    for refusal in REFUSALS:
        pattern = rf"keyway: {re.escape(str(path))}:\d+:\d+: {re.escape(refusal)}"
        assert [line for line in lines if re.match(pattern, line)], f"{refusal!r} is not in {lines}"
    assert len(lines) == len(REFUSALS)
    assert VALUE not in ended.errors


@pytest.mark.parametrize(
    ("text", "expected"),
    [(f"listen: [\n{VALUE}: }}", "keyway.yaml:2:32: not valid YAML"), (f"- {VALUE}", "must be a mapping")],
    ids=["not YAML", "not a mapping"],
)
async def test_file_that_is_not_a_configuration_is_rejected(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "keyway.yaml"
    path.write_text(text)

    ended = await run(tmp_path, "check-config", path)

    assert (ended.code, ended.output) == (2, "")
    assert expected in ended.errors
    assert VALUE not in ended.errors


async def test_serve_reports_an_invalid_configuration_like_check_config(tmp_path: Path) -> None:
    path = tmp_path / "keyway.yaml"
    path.write_text("lissten: 1")

    serve, check = await asyncio.gather(run(tmp_path, "serve", "--config", path), run(tmp_path, "check-config", path))

    assert (serve.code, serve.output, serve.errors) == (
        2,
        "",
        f"keyway: {path}:1:1: unknown key 'lissten'; did you mean 'listen'?\n",
    )
    assert serve == check


async def test_check_config_summarizes_a_valid_configuration_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "appkey").write_text(f"{VALUE}\n")
    path = tmp_path / "keyway.yaml"
    path.write_text(
        "listen: 127.0.0.1:6000\nproviders:\n"
        "- {id: keys, type: nhn-secure-key-manager, endpoint: 'http://127.0.0.1:1', app_key: {file: appkey}}\n"
        "- {id: warp, type: asteria, endpoint: 'http://127.0.0.1:1', session_id: {env: SESSION}}\n"
    )

    # From another folder: relative paths start at the folder of the configuration, not at the current folder.
    ended = await run(tmp_path.parent, "check-config", path, environment={"SESSION": VALUE})

    assert (ended.code, ended.errors) == (0, "")
    lines = ended.output.splitlines()
    assert lines[0] == f"{path}: valid"
    assert "  listen:    127.0.0.1:6000 (plaintext)" in lines
    assert "    keys: nhn-secure-key-manager v1.0 at http://127.0.0.1:1" in lines
    assert "    warp: asteria at http://127.0.0.1:1" in lines
    assert "warning: audit: no journal is configured; calls are not recorded" in lines
    assert VALUE not in ended.output


WRONG_FLAGS = {
    "no command": ([], "required: COMMAND"),
    "no such command": (["conquer"], "invalid choice: 'conquer'"),
    "no such flag": (["serve", "--colour"], "unrecognized arguments: --colour"),
    "no file": (["check-config"], "required: FILE"),
    "not a time": (["health", "--timeout", "soon"], "--timeout: must be a number of seconds greater than 0"),
    "not a time to wait": (["health", "--timeout", "0"], "--timeout: must be a number of seconds greater than 0"),
    "state in two places": (["serve", "--ephemeral", "--state", "x"], "not allowed with argument"),
}


@pytest.mark.parametrize("name", WRONG_FLAGS)
def test_invalid_flags_are_reported_with_exit_code_2(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, expected = WRONG_FLAGS[name]

    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert expected in printed.err
    assert printed.out == ""


WRONG_USES = {
    "a file that is not there": (["check-config", "missing.yaml"], "keyway: missing.yaml: cannot be read"),
    "listening everywhere": (["serve", "--ephemeral", "--listen", "0.0.0.0:0"], "listen: must be a loopback address"),
    "state beside a configuration": (
        ["serve", "--config", "x", "--state", "x"],
        "--state and --ephemeral cannot be combined with --config",
    ),
}


@pytest.mark.parametrize("name", WRONG_USES)
async def test_invalid_use_is_reported_with_exit_code_2(name: str, tmp_path: Path) -> None:
    arguments, expected = WRONG_USES[name]

    ended = await run(tmp_path, *arguments)

    assert ended.code == 2
    assert expected in ended.errors
    assert "Traceback" not in ended.errors
    assert ended.output == ""
    assert os.listdir(tmp_path) == []


async def test_listen_flag_is_validated_like_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "keyway.yaml"
    path.write_text("listen: 127.0.0.1:0")

    ended = await run(tmp_path, "serve", "--config", path, "--listen", "0.0.0.0:0")

    assert ended.code == 2
    assert "listen: must be a loopback address" in ended.errors


@pytest.mark.parametrize(
    "command",
    ["", "serve", "emulate", "check-config", "health", "policy", "policy check", "policy explain", "policy schema"],
)
def test_help_describes_every_command_and_flag(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])

    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "exit codes: 0 success, 1 failure, 2 wrong usage or configuration" in text
    entries = re.findall(r"^ {2,4}([-a-z].*)$", re.sub(r"\n {8,}", "  ", text), re.MULTILINE)
    assert entries
    for entry in entries:
        assert re.search(r"\S {2,}\S", entry), f"{entry} is not described"


@pytest.mark.parametrize("service", ["", "keyway.v1.KeyService"])
async def test_health_reports_serving_for_the_server_and_for_a_service(
    service: str, quiet_stack: Stack, tmp_path: Path
) -> None:
    ended = await run(tmp_path, "health", "--address", quiet_stack.gateway.address, "--service", service)

    assert (ended.code, ended.output, ended.errors) == (0, "SERVING\n", "")


async def test_health_of_an_unknown_service_fails(quiet_stack: Stack, tmp_path: Path) -> None:
    ended = await run(tmp_path, "health", "--address", quiet_stack.gateway.address, "--service", "keyway.v1.Nothing")

    assert (ended.code, ended.output) == (1, "")
    assert ended.errors == f"keyway: {quiet_stack.gateway.address}: NOT_FOUND: the gateway has no such service\n"


async def test_health_fails_if_nothing_listens(tmp_path: Path) -> None:
    async with RawServer(silence) as server:
        address = f"127.0.0.1:{server.port}"

    ended = await run(tmp_path, "health", "--address", address)

    assert (ended.code, ended.output) == (1, "")
    assert ended.errors == (
        f"keyway: {address}: UNAVAILABLE: no plaintext gateway at this address; "
        "with TLS, query the address of health_listen\n"
    )


async def test_health_of_a_tls_listener_names_the_health_listener(tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*CertificateAuthority().server().write(tmp_path, "server"))
    context.set_alpn_protocols(["h2"])
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context) as server:
        host, port = server.sockets[0].getsockname()
        ended = await run(tmp_path, "health", "--address", f"{host}:{port}")

    assert (ended.code, ended.output) == (1, "")
    assert ended.errors.endswith(" with TLS, query the address of health_listen\n")


async def test_health_respects_its_timeout(tmp_path: Path) -> None:
    async with RawServer(silence) as server:
        ended = await run(tmp_path, "health", "--address", f"127.0.0.1:{server.port}", "--timeout", "0.2")

    assert (ended.code, ended.output) == (1, "")
    assert ended.errors.startswith(f"keyway: 127.0.0.1:{server.port}: ")


async def test_demo_configuration_is_valid(quiet_stack: Stack, tmp_path: Path) -> None:
    ended = await run(tmp_path, "check-config", write_config(tmp_path / "keyway.yaml", quiet_stack))

    assert ended.code == 0
