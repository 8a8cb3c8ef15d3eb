"""`keyway keys …`: small data through keys that never leave their upstream, and keys that may."""

import base64
import sys
from typing import Any, Final

import click

from keyway.cli import files, names
from keyway.cli.commands import Group, options, pass_session
from keyway.cli.failures import NO
from keyway.cli.session import Session
from keyway.v1 import key_service_pb2 as contract

_base64 = click.option("--base64", is_flag=True, help="For data that are not UTF-8 text. The same for both directions.")
_version = click.option("--version", type=click.IntRange(min=0), help="Default: the current one.")
_asked = options(click.argument("key"), _version)


@click.group(cls=Group)
def keys() -> None:
    """Encrypt, decrypt, sign and verify; read keys."""


def _encoding(base64_: bool) -> Any:
    return contract.ENCODING_BASE64 if base64_ else contract.ENCODING_UTF8


def _data(path: str, session: Session) -> bytes:
    if path == files.STDIO and sys.stdin.isatty():
        session.output.note("Type the data; Ctrl-D ends them.", "dim")
    return files.read(path, secret=True)


def _put(session: Session, response: Any, data: bytes, output: str | None, **how: bool) -> None:
    """The whole answer to a program, what matters of it to everybody else."""
    if session.json and output is None:
        if how.get("private"):
            files.check_eyes(session, force=how["force"])
        session.output.json(response)
        return
    files.write(session, data, output, **how)


def _line(text: str) -> bytes:
    return text.encode() + b"\n"


@keys.command(
    examples="""
        keyway keys encrypt nhn-keys/orders-key note.txt > note.enc
        printf %s "$PIN" | keyway keys encrypt orders-key
        keyway keys encrypt orders-key --base64 photo.jpg -o photo.enc
    """,
    notes="""
        At most 32 KB of text, 24 KB with --base64. For more: keyway seal.
    """,
)
@click.argument("key")
@files.argument("file", default="-")
@_base64
@files.output_options
@pass_session
def encrypt(session: Session, key: str, file: str, *, base64: bool, output: str | None, force: bool) -> None:
    """Encrypt a small file, or standard input.

    The ciphertext is a line of text.
    """
    files.check_free(output, force=force)
    name = names.full(session, names.KEY, key, "KeyService/Encrypt")
    request = contract.EncryptRequest(name=name, plaintext=_data(file, session), encoding=_encoding(base64))
    response = session.call(session.client.keys.Encrypt, request)
    _put(session, response, _line(response.ciphertext), output, force=force)


@keys.command(
    examples="""
        keyway keys decrypt nhn-keys/orders-key note.enc
        keyway keys encrypt orders-key note.txt | keyway keys decrypt orders-key
    """
)
@click.argument("key")
@files.argument("file", default="-")
@_base64
@files.output_options
@pass_session
def decrypt(session: Session, key: str, file: str, *, base64: bool, output: str | None, force: bool) -> None:
    """Decrypt what `encrypt` made.

    FILE, or standard input, is the ciphertext.
    """
    files.check_free(output, force=force)
    name = names.full(session, names.KEY, key, "KeyService/Decrypt")
    request = contract.DecryptRequest(
        name=name, ciphertext=_text(_data(file, session), "a ciphertext"), encoding=_encoding(base64)
    )
    response = session.call(session.client.keys.Decrypt, request)
    # Whoever keeps a secret encrypted does not want it readable by all once it is opened.
    _put(session, response, response.plaintext, output, force=force, **({"private": True} if output else {}))


@keys.command(
    examples="""
        keyway keys sign nhn-keys/demo-rsa order.json > order.sig
        sha256sum < release.tar | cut -c1-64 | keyway keys sign demo-rsa
    """,
    notes="""
        At most 245 bytes of text, 183 with --base64: sign a hash of what is longer.
    """,
)
@click.argument("key")
@files.argument("file", default="-")
@_base64
@files.output_options
@pass_session
def sign(session: Session, key: str, file: str, *, base64: bool, output: str | None, force: bool) -> None:
    """Sign a small file, or standard input.

    The signature is a line of text.
    """
    files.check_free(output, force=force)
    name = names.full(session, names.KEY, key, "KeyService/Sign")
    request = contract.SignRequest(name=name, plaintext=_data(file, session), encoding=_encoding(base64))
    response = session.call(session.client.keys.Sign, request)
    _put(session, response, _line(response.signature), output, force=force)


@keys.command(
    examples="""
        keyway keys verify nhn-keys/demo-rsa order.json --signature-file order.sig
    """,
    notes="""
        Ends with 0 where the signature is KEY's for these data, else with 1.
    """,
)
@click.argument("key")
@files.argument("file", default="-")
@click.option("--signature", metavar="TEXT", help="The signature …")
@click.option("--signature-file", metavar="FILE", help="… or a file that holds it.")
@_base64
@pass_session
def verify(
    session: Session, key: str, file: str, *, signature: str | None, signature_file: str | None, base64: bool
) -> int:
    """Verify a signature of a file, or of standard input."""
    if (signature is None) == (signature_file is None):
        raise click.UsageError("one of --signature and --signature-file")
    if signature is None:
        signature = _text(files.read(str(signature_file)), "a signature")
    name = names.full(session, names.KEY, key, "KeyService/Verify")
    request = contract.VerifyRequest(
        name=name, plaintext=_data(file, session), signature=signature, encoding=_encoding(base64)
    )
    response = session.call(session.client.keys.Verify, request)
    if session.json:
        session.output.json(response)
    elif response.verified:
        session.output.line("verified", "green")
    else:
        session.output.line("NOT verified: another key's signature, or of other data", "bold red")
    return 0 if response.verified else NO


@keys.command(
    "data-key",
    examples="""
        keyway keys data-key nhn-keys/orders-key -o data.key > data.key.enc
        keyway keys decrypt nhn-keys/orders-key --base64 data.key.enc -o data.key
    """,
)
@click.argument("key")
@files.output_options
@pass_session
def data_key(session: Session, key: str, *, output: str | None, force: bool) -> None:
    """Make a new AES-256 key, encrypted with KEY.

    The key itself goes to --output, as 32 bytes; the same key encrypted, which is what to keep, to standard output.
    """
    if output == files.STDIO or (output is None and not session.json):
        raise click.UsageError("say where the key goes: --output FILE, or --json for both in one object")
    if output is None:
        files.check_eyes(session, force=force)
    files.check_free(output, force=force)
    name = names.full(session, names.KEY, key, "KeyService/GenerateDataKey")
    response = session.call(session.client.keys.GenerateDataKey, contract.GenerateDataKeyRequest(name=name))
    if output is None:
        session.output.json(response)
        return
    files.write(session, response.plaintext, output, force=force, private=True)
    session.output.raw(_line(response.ciphertext))


_FORM: Final = click.option("--der", is_flag=True, help="DER instead of PEM.")


def _versioned(session: Session, key: str, version: int | None, method: str) -> str:
    name = names.full(session, names.KEY, key, f"KeyService/{method}")
    return name if version is None else f"{name}/versions/{version}"


@keys.command(
    "public-key",
    examples="""
        keyway keys public-key nhn-keys/demo-rsa
        keyway keys public-key nhn-keys/demo-rsa --version 1 --der -o demo.der
    """,
)
@_asked
@_FORM
@files.output_options
@pass_session
def public_key(session: Session, key: str, version: int | None, *, der: bool, output: str | None, force: bool) -> None:
    """Read the public half of an asymmetric key."""
    files.check_free(output, force=force)
    request = contract.GetPublicKeyRequest(name=_versioned(session, key, version, "GetPublicKey"))
    response = session.call(session.client.keys.GetPublicKey, request)
    _put(session, response, response.spki_der if der else response.pem.encode(), output, force=force)


@keys.command("private-key", examples="keyway keys private-key nhn-keys/demo-rsa -o demo.key")
@_asked
@_FORM
@files.output_options
@pass_session
def private_key(session: Session, key: str, version: int | None, *, der: bool, output: str | None, force: bool) -> None:
    """Read the private half of an asymmetric key.

    PKCS#8, not encrypted; --output makes a file of yours alone.
    """
    files.check_free(output, force=force)
    if output is None or output == files.STDIO:
        files.check_eyes(session, force=force)
    request = contract.GetPrivateKeyRequest(name=_versioned(session, key, version, "GetPrivateKey"))
    response = session.call(session.client.keys.GetPrivateKey, request)
    data = response.pkcs8_der if der else response.pem.encode()
    _put(session, response, data, output, force=force, private=True)


@keys.command("symmetric-key", examples="keyway keys symmetric-key nhn-keys/demo-aes -o demo.aes")
@_asked
@click.option("--base64", "as_text", is_flag=True, help="As a line of Base64 instead of bytes.")
@files.output_options
@pass_session
def symmetric_key(
    session: Session, key: str, version: int | None, *, as_text: bool, output: str | None, force: bool
) -> None:
    """Read a symmetric key itself.

    Its bytes; --output makes a file of yours alone.
    """
    files.check_free(output, force=force)
    if output is None or output == files.STDIO:
        files.check_eyes(session, force=force)
    request = contract.GetSymmetricKeyRequest(name=_versioned(session, key, version, "GetSymmetricKey"))
    response = session.call(session.client.keys.GetSymmetricKey, request)
    material = response.key_material
    data = base64.b64encode(material) + b"\n" if as_text else material
    _put(session, response, data, output, force=force, private=True)


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode().strip()
    except ValueError:
        raise click.UsageError(f"{what} is text; these are other bytes") from None
