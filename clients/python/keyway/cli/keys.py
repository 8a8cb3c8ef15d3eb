"""The commands `keyway keys …`: encrypt, decrypt, sign and verify small data."""

import sys
from typing import Any, Final

import click

from keyway.cli import files, key_material, names, value_types
from keyway.cli.commands import Group, pass_session
from keyway.cli.failures import NO
from keyway.cli.session import Session
from keyway.v1 import key_service_pb2 as contract

_base64 = click.option("--base64", is_flag=True, help="The data is binary. Decrypt and verify with the same setting.")


@click.group(cls=Group)
def keys() -> None:
    """Encrypt, decrypt, sign, and verify data; get keys."""


def _encoding(base64_: bool) -> Any:
    return contract.ENCODING_BASE64 if base64_ else contract.ENCODING_UTF8


def _data(path: str, session: Session) -> bytes:
    if path == files.STDIO and sys.stdin.isatty():
        session.output.note("Type the data; end with Ctrl-D.", "dim")
    return files.read(path, secret=True)


@keys.command(
    examples="""
        keyway keys encrypt nhn-keys/orders-key note.txt > note.enc
        printf %s "$PIN" | keyway keys encrypt nhn-keys/orders-key
        keyway keys encrypt nhn-keys/orders-key --base64 photo.jpg -o photo.enc
    """,
    notes="""
        The data can have at most 32 KB, or 24 KB with --base64. For larger data, use
        keyway seal.
    """,
)
@click.argument("key", type=value_types.KEY)
@files.argument("file", default="-")
@_base64
@files.output_options
@pass_session
def encrypt(session: Session, key: str, file: str, *, base64: bool, output: str | None, force: bool) -> None:
    """Encrypt a small file, or standard input.

    The ciphertext is one line of text.
    """
    files.check_free(output, force=force)
    name = names.full(session, names.KEY, key, "KeyService/Encrypt")
    request = contract.EncryptRequest(name=name, plaintext=_data(file, session), encoding=_encoding(base64))
    response = session.call(session.client.keys.Encrypt, request)
    key_material.put(session, response, key_material.line(response.ciphertext), output, force=force)


@keys.command(
    examples="""
        keyway keys decrypt nhn-keys/orders-key note.enc
        keyway keys decrypt nhn-keys/orders-key < note.enc > note.txt
    """
)
@click.argument("key", type=value_types.KEY)
@files.argument("file", default="-")
@_base64
@files.output_options
@pass_session
def decrypt(session: Session, key: str, file: str, *, base64: bool, output: str | None, force: bool) -> None:
    """Decrypt a ciphertext that `keyway keys encrypt` created.

    FILE or standard input contains the ciphertext.
    """
    files.check_free(output, force=force)
    name = names.full(session, names.KEY, key, "KeyService/Decrypt")
    request = contract.DecryptRequest(
        name=name, ciphertext=_text(_data(file, session), "the ciphertext"), encoding=_encoding(base64)
    )
    response = session.call(session.client.keys.Decrypt, request)
    # The plaintext is a secret: its file is readable only by the user.
    key_material.put(
        session, response, response.plaintext, output, force=force, **({"private": True} if output else {})
    )


@keys.command(
    examples="""
        keyway keys sign nhn-keys/demo-rsa order.json > order.sig
        sha256sum < release.tar | cut -c1-64 | keyway keys sign nhn-keys/demo-rsa
    """,
    notes="""
        The data can have at most 245 bytes, or 183 bytes with --base64. For larger
        data, sign its hash.
    """,
)
@click.argument("key", type=value_types.KEY)
@files.argument("file", default="-")
@_base64
@files.output_options
@pass_session
def sign(session: Session, key: str, file: str, *, base64: bool, output: str | None, force: bool) -> None:
    """Sign a small file, or standard input.

    The signature is one line of text.
    """
    files.check_free(output, force=force)
    name = names.full(session, names.KEY, key, "KeyService/Sign")
    request = contract.SignRequest(name=name, plaintext=_data(file, session), encoding=_encoding(base64))
    response = session.call(session.client.keys.Sign, request)
    key_material.put(session, response, key_material.line(response.signature), output, force=force)


@keys.command(
    examples="""
        keyway keys verify nhn-keys/demo-rsa order.json --signature-file order.sig
    """,
    notes="""
        The exit code is 0 for a valid signature and 1 for an invalid one.
    """,
)
@click.argument("key", type=value_types.KEY)
@files.argument("file", default="-")
@click.option("--signature", metavar="TEXT", help="The signature.")
@click.option("--signature-file", metavar="FILE", help="File with the signature.")
@_base64
@pass_session
def verify(
    session: Session, key: str, file: str, *, signature: str | None, signature_file: str | None, base64: bool
) -> int:
    """Verify the signature of a file or of standard input."""
    if (signature is None) == (signature_file is None):
        raise click.UsageError("pass either --signature or --signature-file")
    if signature is None:
        signature = _text(files.read(str(signature_file)), "the signature")
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
        session.output.line("NOT verified: the signature does not match this key and this data", "bold red")
    return 0 if response.verified else NO


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8-sig").strip()
    except ValueError:
        raise click.UsageError(f"{what} must be text, but the input is binary") from None


_MATERIAL: Final[tuple[click.Command, ...]] = (
    key_material.data_key,
    key_material.public_key,
    key_material.private_key,
    key_material.symmetric_key,
)
for command in _MATERIAL:
    keys.add_command(command)
