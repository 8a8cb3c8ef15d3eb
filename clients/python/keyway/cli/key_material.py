"""The commands of `keyway keys` that return keys: data-key, public-key, private-key, symmetric-key."""

import base64
from typing import Any, Final

import click

from keyway.cli import files, names, value_types
from keyway.cli.commands import Command, options, pass_session
from keyway.cli.session import Session
from keyway.v1 import key_service_pb2 as contract

_version = click.option("--version", type=click.IntRange(min=0), help="Key version. Default: the current version.")
_asked = options(click.argument("key", type=value_types.KEY), _version)


def put(session: Session, response: Any, data: bytes, output: str | None, **how: bool) -> None:
    """Write the whole response as JSON for programs, otherwise only `data`."""
    if session.json and output is None:
        if how.get("private"):
            files.check_terminal(session, force=how["force"])
        session.output.json(response)
        return
    files.write(session, data, output, **how)


def line(text: str) -> bytes:
    """Return the text as a line."""
    return text.encode() + b"\n"


@click.command(
    "data-key",
    cls=Command,
    examples="""
        keyway keys data-key nhn-keys/orders-key -o data.key > data.key.enc
        keyway keys decrypt nhn-keys/orders-key --base64 data.key.enc -o data.key
    """,
)
@click.argument("key", type=value_types.KEY)
@files.output_options
@pass_session
def data_key(session: Session, key: str, *, output: str | None, force: bool) -> None:
    """Generate an AES-256 data key, and encrypt it with KEY.

    The data key (32 bytes) is written to the file of --output. The encrypted data key is printed on standard output;
    store only the encrypted one.
    """
    if output == files.STDIO or (output is None and not session.json):
        raise click.UsageError("pass --output FILE for the data key, or --json for both in one object")
    if output is None:
        files.check_terminal(session, force=force)
    files.check_free(output, force=force)
    name = names.full(session, names.KEY, key, "KeyService/GenerateDataKey")
    response = session.call(session.client.keys.GenerateDataKey, contract.GenerateDataKeyRequest(name=name))
    if output is None:
        session.output.json(response)
        return
    files.write(session, response.plaintext, output, force=force, private=True)
    session.output.raw(line(response.ciphertext))


_FORM: Final = click.option("--der", is_flag=True, help="Write DER instead of PEM.")


def _versioned(session: Session, key: str, version: int | None, method: str) -> str:
    name = names.full(session, names.KEY, key, f"KeyService/{method}")
    return name if version is None else f"{name}/versions/{version}"


@click.command(
    "public-key",
    cls=Command,
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
    """Get the public key of an asymmetric key."""
    files.check_free(output, force=force)
    request = contract.GetPublicKeyRequest(name=_versioned(session, key, version, "GetPublicKey"))
    response = session.call(session.client.keys.GetPublicKey, request)
    put(session, response, response.spki_der if der else response.pem.encode(), output, force=force)


@click.command("private-key", cls=Command, examples="keyway keys private-key nhn-keys/demo-rsa -o demo.key")
@_asked
@_FORM
@files.output_options
@pass_session
def private_key(session: Session, key: str, version: int | None, *, der: bool, output: str | None, force: bool) -> None:
    """Get the private key of an asymmetric key.

    The format is PKCS#8, not encrypted. --output creates a file with mode 0600.
    """
    files.check_free(output, force=force)
    if output is None or output == files.STDIO:
        files.check_terminal(session, force=force)
    request = contract.GetPrivateKeyRequest(name=_versioned(session, key, version, "GetPrivateKey"))
    response = session.call(session.client.keys.GetPrivateKey, request)
    data = response.pkcs8_der if der else response.pem.encode()
    put(session, response, data, output, force=force, private=True)


@click.command("symmetric-key", cls=Command, examples="keyway keys symmetric-key nhn-keys/demo-aes -o demo.aes")
@_asked
@click.option("--base64", "as_text", is_flag=True, help="Write Base64 instead of bytes.")
@files.output_options
@pass_session
def symmetric_key(
    session: Session, key: str, version: int | None, *, as_text: bool, output: str | None, force: bool
) -> None:
    """Get the bytes of a symmetric key.

    --output creates a file with mode 0600.
    """
    files.check_free(output, force=force)
    if output is None or output == files.STDIO:
        files.check_terminal(session, force=force)
    request = contract.GetSymmetricKeyRequest(name=_versioned(session, key, version, "GetSymmetricKey"))
    response = session.call(session.client.keys.GetSymmetricKey, request)
    material = response.key_material
    data = base64.b64encode(material) + b"\n" if as_text else material
    put(session, response, data, output, force=force, private=True)
