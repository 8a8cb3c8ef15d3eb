"""`keyway keys` and `keyway secrets`."""

import asyncio
import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from tests.clients.python.cli.commands import Commands
from tests.support.stack import Gateway, Stack

pytestmark = pytest.mark.xdist_group("sandbox")
KEY = "providers/nhn-keys/keys/orders-key"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", [KEY, "nhn-keys/keys/orders-key", "nhn-keys/orders-key"])
def test_encrypt_and_decrypt_accept_all_forms_of_names(commands: Commands, name: str) -> None:
    ciphertext = commands("keys", "encrypt", name, data="주문 42\n".encode())
    assert ciphertext.code == 0
    assert ciphertext.output.endswith(b"\n")
    assert commands("keys", "decrypt", name, data=ciphertext.output).output == "주문 42\n".encode()


async def test_provider_can_be_omitted_if_only_one_serves_the_method(commands: Commands, running_stack: Stack) -> None:
    async with Gateway(running_stack.settings(running_stack.provider("nhn-keys"))) as gateway:
        encrypt = ("keys", "encrypt", "orders-key")
        ran = await asyncio.to_thread(commands, *encrypt, data=b"order 42", KEYWAY_ADDRESS=gateway.address)
    assert (ran.code, ran.errors) == (0, "")


def test_binary_files_are_encrypted(commands: Commands) -> None:
    data = bytes(range(256))
    (commands.folder / "photo").write_bytes(data)
    assert commands("keys", "encrypt", KEY, "photo").code == 13
    assert commands("keys", "encrypt", KEY, "photo", "--base64", "-o", "photo.enc").code == 0
    assert commands("keys", "decrypt", KEY, "photo.enc", "--base64", "-o", "back").code == 0
    assert (commands.folder / "back").read_bytes() == data
    assert mode(commands.folder / "back") == 0o600
    assert mode(commands.folder / "photo.enc") == 0o644
    result = commands("keys", "decrypt", KEY, "photo.enc", "--base64", "--json").objects()
    assert base64.b64decode(result[0]["plaintext"]) == data
    assert isinstance(result[0]["keyVersion"], int)


def test_existing_file_is_kept_without_force(commands: Commands) -> None:
    there = commands.folder / "there"
    there.write_text("mine")
    ran = commands("keys", "encrypt", KEY, "-o", "there", data=b"x")
    assert (ran.code, ran.errors) == (2, "keyway: there already exists; pass --force to overwrite it\n")
    assert there.read_text() == "mine"
    assert commands("keys", "encrypt", KEY, "-o", "there", "--force", data=b"x").code == 0
    assert there.read_text() != "mine"
    assert commands("keys", "encrypt", KEY, "-o", "/dev/null", data=b"x").code == 0
    assert [path.name for path in commands.folder.iterdir()] == ["there"]


def test_signatures_are_verified(commands: Commands) -> None:
    (commands.folder / "order").write_text("order 42")
    assert commands("keys", "sign", "nhn-keys/demo-rsa", "order", "-o", "order.sig").code == 0
    asked = ("keys", "verify", "nhn-keys/demo-rsa", "--signature-file", "order.sig")
    good = commands(*asked, data=b"order 42")
    assert (good.code, good.text) == (0, "verified\n")
    bad = commands(*asked, data=b"order 43")
    assert bad.code == 1
    assert bad.text.startswith("NOT verified")
    assert commands(*asked, "--json", data=b"order 43").code == 1
    signature = (commands.folder / "order.sig").read_text().strip()
    assert commands("keys", "verify", "nhn-keys/demo-rsa", "order", "--signature", signature).code == 0


def test_data_key_is_generated(commands: Commands) -> None:
    ran = commands("keys", "data-key", "nhn-keys/orders-key", "-o", "data.key")
    key = commands.folder / "data.key"
    assert (ran.code, mode(key), len(key.read_bytes())) == (0, 0o600, 32)
    again = commands("keys", "decrypt", "nhn-keys/orders-key", "--base64", data=ran.output)
    assert again.output == key.read_bytes()
    result = commands("keys", "data-key", "nhn-keys/orders-key", "--json").objects()[0]
    assert len(base64.b64decode(result["plaintext"])) == 32


def test_keys_are_written_to_private_files(commands: Commands) -> None:
    assert commands("keys", "private-key", "nhn-keys/demo-rsa", "-o", "demo.key").code == 0
    path = commands.folder / "demo.key"
    assert mode(path) == 0o600
    public = load_pem_private_key(path.read_bytes(), None).public_key()
    der = commands("keys", "public-key", "nhn-keys/demo-rsa", "--der")
    assert load_der_public_key(der.output) == public
    assert commands("keys", "public-key", "nhn-keys/demo-rsa", "--version", "99").code == 15
    current = commands("keys", "symmetric-key", "nhn-keys/orders-key", "--base64")
    first = commands("keys", "symmetric-key", "nhn-keys/orders-key", "--version", "0", "-o", "first")
    assert len(base64.b64decode(current.output)) == 32
    assert first.code == 0
    assert mode(commands.folder / "first") == 0o600


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "private-key", "nhn-keys/demo-rsa"),
        ("keys", "private-key", "nhn-keys/demo-rsa", "--json"),
        ("keys", "symmetric-key", "nhn-keys/demo-aes", "-o", "-"),
        ("keys", "data-key", "nhn-keys/demo-aes", "--json"),
        ("certs", "download", "nhn-certs/www.example.com", "--include-private-key", "-o", "-"),
    ],
)
def test_key_material_is_not_printed_on_a_terminal(commands: Commands, arguments: tuple[str, ...]) -> None:
    with commands.on_terminal(*arguments) as terminal:
        assert terminal.ended() == 2
        assert "key material is not printed on a terminal" in terminal.screen


def test_secret_is_printed_or_written(commands: Commands) -> None:
    secret = commands("secrets", "get", "nhn-keys/demo-secret")
    assert secret.output
    assert not secret.output.endswith(b"\n")
    assert commands("secrets", "get", "nhn-keys/demo-secret", "-o", "secret").code == 0
    assert mode(commands.folder / "secret") == 0o600
    assert (commands.folder / "secret").read_bytes() == secret.output
