"""Error messages and exit codes."""

import json
import shlex
import socket
import subprocess

import pytest

from keyway.problems import Problem
from keyway.terminal.text import clean
from keyway.testing import Sandbox
from tests.clients.python.cli.commands import KEYWAY, Commands
from tests.support.authority import TokenIssuer

pytestmark = pytest.mark.xdist_group("sandbox")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("certs", "show", "nhn-certs/missing"), 15, "keyway: NOT_FOUND CERTIFICATE_NOT_FOUND: providers/nhn-certs/"),
        (("certs", "show", "nhn-certs/.."), 13, "INVALID_REQUEST: the request is not valid\n  name  must be"),
        (("keys", "decrypt", "nhn-keys/orders-key"), 13, "\n  ciphertext  "),
        (("keys", "public-key", "nhn-keys/demo-aes-inactive"), 15, "keyway: NOT_FOUND KEY_NOT_FOUND"),
        (("certs", "csr", "nhn-certs/www.example.com"), 22, "keyway: UNIMPLEMENTED METHOD_NOT_SUPPORTED_BY_PROVIDER"),
        (("secrets", "get", "missing/demo-secret"), 15, "keyway: NOT_FOUND PROVIDER_NOT_FOUND"),
    ],
)  # fmt: skip
def test_error_of_the_gateway_is_printed(commands: Commands, arguments: tuple[str, ...], code: int, said: str) -> None:
    ran = commands(*arguments, KEYWAY_PASSWORD="changeit")
    assert (ran.code, ran.output) == (code, b"")
    assert said in ran.errors
    assert "\n  request " in ran.errors


def test_json_error_is_printed(commands: Commands) -> None:
    ran = commands("keys", "sign", "nhn-keys/missing", "--json", data=b"x")
    result = json.loads(ran.errors)
    assert (ran.code, result["exitCode"], result["error"]["code"]) == (15, 15, "NOT_FOUND")
    assert result["error"]["reason"] == "KEY_NOT_FOUND"
    assert len(result["error"]["requestId"]) == 36


def test_verbose_prints_error_details(commands: Commands) -> None:
    ran = commands("keys", "public-key", "nhn-keys/missing", "-v")
    assert "\n  provider: nhn-keys\n" in ran.errors
    assert "\n  receipt: " in ran.errors


def test_unreachable_gateway_is_named(commands: Commands) -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        ran = commands("certs", "list", "--address", address)
    assert ran.code == 24
    assert ran.errors == f"keyway: UNAVAILABLE: {Problem.REFUSED.value}\n  gateway: {address} (plaintext)\n"


def test_failed_handshake_is_one_error(commands: Commands, keyway_sandbox: Sandbox) -> None:
    """gRPC does not log the failed handshakes. A process of its own: gRPC reads its variables when it is imported."""
    ran = subprocess.run(
        [*KEYWAY, "--tls", "--address", keyway_sandbox.plain, "providers", "list"],
        env=commands.variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 24
    gateway = f"  gateway: {keyway_sandbox.plain} (TLS)\n"
    assert ran.stderr == f"keyway: UNAVAILABLE: {Problem.PLAINTEXT_REQUIRED.value}\n{gateway}"


def test_text_of_grpc_is_printed_on_request(commands: Commands, keyway_sandbox: Sandbox) -> None:
    wrong = ("--tls", "--address", keyway_sandbox.plain, "providers", "list")
    assert "\n  gRPC: connections to all backends failing; " in commands(*wrong, "-v").errors
    assert json.loads(commands(*wrong, "--json").errors)["error"]["problem"] == "PLAINTEXT_REQUIRED"


def test_unexplained_failure_names_the_doctor(commands: Commands) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        ran = commands("providers", "list", "--address", address, "--timeout", "0.3")
    assert (ran.code, "\n  to find the cause: keyway doctor\n" in ran.errors) == (14, True)


def test_rejected_caller_sees_the_fix(commands: Commands, keyway_sandbox: Sandbox) -> None:
    given = ("--address", keyway_sandbox.jwt, "--ca", keyway_sandbox.ca, "secrets", "get", "nhn-keys/demo-secret")
    issuer = TokenIssuer()
    tokens = {issuer.token(exp=1): Problem.TOKEN_EXPIRED, issuer.token(): Problem.TOKEN_REJECTED}
    for token, problem in {**tokens, keyway_sandbox.token: Problem.NOT_PERMITTED}.items():
        first, second, *_ = commands(*given, KEYWAY_TOKEN=token).errors.splitlines()
        assert first.startswith(("keyway: UNAUTHENTICATED: ", "keyway: PERMISSION_DENIED: "))
        assert second == f"  {problem.value}"
    assert Problem.CREDENTIALS_MISSING.value in commands(*given).errors


def test_denied_call_names_the_resource(commands: Commands, keyway_sandbox: Sandbox) -> None:
    given = ("--address", keyway_sandbox.jwt, "--ca", keyway_sandbox.ca, "secrets", "get", "nhn-keys/demo-secret")
    ran = commands(*given, KEYWAY_TOKEN=keyway_sandbox.token)
    name = "providers/nhn-keys/secrets/demo-secret"
    assert ran.errors.startswith(f"keyway: PERMISSION_DENIED: the caller lacks permission GetSecret on {name}\n")
    assert json.loads(commands(*given, "--json", KEYWAY_TOKEN=keyway_sandbox.token).errors)["error"]["resource"] == name


@pytest.mark.parametrize(
    ("arguments", "first", "second"),
    [
        (
            ("certs", "csr", "nhn-certs/www.example.com"),
            "nhn-certs (nhn-certificate-manager v1.0) does not support GetCertificateSigningRequest; "
            "provider types that support it: asteria",
            "other providers of this gateway that support GetCertificateSigningRequest: asteria",
        ),
        (
            ("keys", "encrypt", "asteria/x"),
            "asteria (asteria) does not support Encrypt; provider types that support it: nhn-secure-key-manager",
            "other providers of this gateway that support Encrypt: nhn-keys",
        ),
    ],
)
def test_unsupported_method_names_alternatives(
    commands: Commands, arguments: tuple[str, ...], first: str, second: str
) -> None:
    ran = commands(*arguments, data=b"x", KEYWAY_PASSWORD="changeit")
    assert ran.code == 22
    one, two, *_ = ran.errors.splitlines()
    assert (one, two) == (f"keyway: UNIMPLEMENTED METHOD_NOT_SUPPORTED_BY_PROVIDER: providers/{first}", f"  {second}")


def test_plaintext_on_the_command_line_is_rejected(commands: Commands) -> None:
    ran = commands("keys", "encrypt", "nhn-keys/orders-key", "my secret note")
    assert ran.code == 2
    assert "write the data to standard input" in ran.errors
    assert "note" not in ran.errors


def test_token_on_the_command_line_is_rejected(commands: Commands) -> None:
    ran = commands("certs", "list", "--token", "eyJhbGciOi")
    assert ran.code == 2
    assert "--token-file" in ran.errors
    assert "eyJ" not in ran.errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("certs",), "Usage: keyway certs"),
        (("crts",), "Did you mean"),
        (
            ("certs", "show", "www.example.com"),
            "ambiguous name: use asteria/www.example.com or nhn-certs/www.example.com",
        ),
        (("certs", "show", "a/b/c/d"), "invalid name of a certificate"),
        (("providers", "check", "a/b"), "invalid name of a provider"),
        (("keys", "verify", "nhn-keys/demo-rsa"), "pass either --signature or --signature-file"),
        (("keys", "data-key", "nhn-keys/orders-key"), "pass --output FILE for the data key"),
        (("certs", "delete", "asteria/server"), "not a terminal; pass --yes to confirm"),
        (("certs", "delete", "asteria/server", "-y"), "KEYWAY_PASSWORD"),
        (("seal", "nothing", "--key", "nhn-keys/orders-key"), "nothing: No such file or directory"),
        (("open", "Makefile"), "pass --output FILE"),
        (("seal", ".", "--key", "nhn-keys/orders-key"), "is a directory"),
        (("certs", "list", "--timeout", "0.0"), "'--timeout': 0.0 is not in the range x>0"),
        (("certs", "list", "--ca", "nowhere.pem"), "nowhere.pem: No such file or directory"),
        (("certs", "list", "--address", "example.org:1", "--plaintext", "--ca", "x"), "cannot be combined with ca"),
    ],
)
def test_wrong_usage_is_rejected(commands: Commands, arguments: tuple[str, ...], said: str) -> None:
    ran = commands(*arguments)
    assert said in ran.errors
    assert (ran.code, ran.output) == (2, b"")
    assert "Traceback" not in ran.errors


def test_control_characters_are_escaped() -> None:
    assert clean("인증서 東京 é") == "인증서 東京 é"
    assert clean("a\x1b[2Jb\r\u202ec\x9b") == r"a\x1b[2Jb\r\u202ec\x9b"


def test_closed_pipe_ends_the_command(commands: Commands) -> None:
    listing = shlex.join((*KEYWAY, "providers", "status-mappings", "nhn-keys"))
    # The command writes after the reader has ended.
    ran = subprocess.run(
        ["sh", "-c", f"{{ {listing}; echo $? >&2; }} | true"], env=commands.variables, capture_output=True, check=True
    )
    assert ran.stderr == b"141\n"
