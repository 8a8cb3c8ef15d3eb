"""The commands of `keyway certs` that move files: download, upload, csr, install, import."""

import sys
from pathlib import Path
from typing import Any, Final

import click
from google.protobuf.message import Message

from keyway.cli import files, names, views
from keyway.cli.commands import Command, pass_session
from keyway.cli.passwords import password_options, taken, with_password
from keyway.cli.session import Session
from keyway.v1 import certificate_service_pb2 as contract

_FORMATS: Final = {
    "pem": contract.CERTIFICATE_FORMAT_PEM,
    "der": contract.CERTIFICATE_FORMAT_DER,
    "pkcs7-pem": contract.CERTIFICATE_FORMAT_PKCS7_PEM,
    "pkcs7-der": contract.CERTIFICATE_FORMAT_PKCS7_DER,
}


@click.command(
    cls=Command,
    examples="""
        keyway certs download nhn-certs/www.example.com
        keyway certs download nhn-certs/www.example.com -o - | openssl x509 -text
        keyway certs download nhn-certs/www.example.com --include-private-key
    """,
    notes="""
        Without --output it goes into a file in this folder, by the name that the
        provider says. The private key goes into a file of its own, of yours alone:
        www.key beside www.pem, or --key-output.
    """,
)
@click.argument("certificate")
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), default="pem", help="der is the leaf alone.")
@click.option("--include-private-key", is_flag=True, help="The private key too, where policy allows it.")
@click.option("--key-output", metavar="FILE", help="Where that goes.")
@files.output_options
@password_options()
@pass_session
def download(
    session: Session,
    certificate: str,
    *,
    form: str,
    include_private_key: bool,
    key_output: str | None,
    output: str | None,
    force: bool,
    **arguments: Any,
) -> None:
    """Download a certificate with its chain, leaf first."""
    if key_output is not None and not include_private_key:
        raise click.UsageError("--key-output goes with --include-private-key")
    printed = output == files.STDIO or (session.json and output is None)
    if include_private_key and ((printed and key_output is None) or key_output == files.STDIO):
        files.check_eyes(session, force=force)
    for each in (output, key_output):
        files.check_free(each, force=force)
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/DownloadCertificate")
    request = contract.DownloadCertificateRequest(
        name=name, format=_FORMATS[form], include_private_key=include_private_key
    )
    found = with_password(session, session.client.certificates.DownloadCertificate, request, taken(arguments))
    if session.json and output is None and key_output is None:
        session.output.json(found)
        return
    target = output or files.local_name(found.filename)
    private = key_output or (files.STDIO if printed else str(Path(target).with_suffix(".key")))
    if found.private_key_pem and target == private != files.STDIO:
        raise click.UsageError("the certificates and the private key can't go into the same file: --key-output")
    # Both are free, or neither is written.
    for each in (target, private) if found.private_key_pem else (target,):
        files.check_free(each, force=force)
    _store(session, found.content, target, f"{len(found.certificate_chain)} in the chain", force=force)
    if found.private_key_pem:
        key = found.private_key_pem.encode()
        _store(session, key, private, "the private key", force=force, private=True)


def _store(session: Session, data: bytes, target: str, what: str, *, force: bool, private: bool = False) -> None:
    files.write(session, data, target, force=force, private=private)
    if target != files.STDIO:
        session.output.note(f"{target}: {what}")


@click.command(
    cls=Command,
    examples="keyway certs upload nhn-certs/www.example.com www.pem",
    notes="For a certificate that is registered there; a file that it has is replaced.",
)
@click.argument("certificate")
@files.argument("file")
@pass_session
def upload(session: Session, certificate: str, file: str) -> None:
    """Upload a certificate's file.

    FILE has the certificate with its chain, leaf first, and the private key, in one PEM.
    """
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/UploadCertificate")
    request = contract.UploadCertificateRequest(name=name, content=files.read(file), filename=filename(file))
    response = session.call(session.client.certificates.UploadCertificate, request)
    done(session, response, f"{names.short(name)} is uploaded")


@click.command(cls=Command, examples="keyway certs csr asteria/server -o server.csr")
@click.argument("certificate")
@files.output_options
@password_options(private_key=True)
@pass_session
def csr(session: Session, certificate: str, *, output: str | None, force: bool, **arguments: Any) -> None:
    """Get the signing request of a certificate, as PEM."""
    passwords = taken(arguments)
    files.check_free(output, force=force)
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/GetCertificateSigningRequest")
    keystore = passwords.keystore()
    request = contract.GetCertificateSigningRequestRequest(
        name=name, keystore_password=keystore, private_key_password=passwords.private_key(keystore)
    )
    response = session.call(session.client.certificates.GetCertificateSigningRequest, request)
    if session.json and output is None:
        session.output.json(response)
    else:
        files.write(session, response.csr_pem.encode(), output, force=force)


@click.command(cls=Command, examples="keyway certs install asteria/server signed.pem --chain authorities.pem")
@click.argument("certificate")
@files.argument("file")
@click.option("--chain", metavar="FILE", help="The certificates of the authorities above it.")
@password_options(private_key=True)
@pass_session
def install(session: Session, certificate: str, file: str, *, chain: str | None, **arguments: Any) -> None:
    """Install what an authority signed.

    FILE has the signed certificate: X.509 or PKCS#7, PEM or DER. It takes the place of the self-signed one.
    """
    passwords = taken(arguments)
    signed, above = files.read(file), files.read(chain) if chain else b""
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/InstallSignedCertificate")
    keystore = passwords.keystore()
    request = contract.InstallSignedCertificateRequest(
        name=name,
        certificate=signed,
        certificate_filename=filename(file),
        chain=above,
        chain_filename=filename(chain or files.STDIO),
        keystore_password=keystore,
        private_key_password=passwords.private_key(keystore),
    )
    response = session.call(session.client.certificates.InstallSignedCertificate, request)
    done(session, response, f"{names.short(name)}: the signed certificate is in place")


@click.command("import", cls=Command, examples="keyway certs import asteria/client client.p12")
@click.argument("certificate")
@files.argument("file")
@click.option("--replace", is_flag=True, help="One that is there, and its key with it.")
@password_options(private_key=True, of_file=True)
@pass_session
def import_(session: Session, certificate: str, file: str, *, replace: bool, **arguments: Any) -> None:
    """Store a certificate and its key from a key store.

    FILE is PKCS#12 or JKS.
    """
    passwords = taken(arguments)
    content = files.read(file)
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/ImportCertificate")
    keystore = passwords.keystore(new=True)
    request = contract.ImportCertificateRequest(
        name=name,
        keystore=content,
        filename=filename(file),
        file_password=passwords.of_file(keystore),
        keystore_password=keystore,
        private_key_password=passwords.private_key(keystore, new=True),
        replace=replace,
    )
    found = session.call(session.client.certificates.ImportCertificate, request).certificate
    if session.json:
        session.output.json(found)
    else:
        session.output.fields(views.certificate(found))


def done(session: Session, response: Message, text: str) -> None:
    """Where the answer has nothing to tell but that it was done."""
    if session.json:
        session.output.json(response)
    elif sys.stderr.isatty():
        session.output.note(text, "green")


def filename(path: str) -> str:
    """Empty for standard input: the gateway gives it one."""
    return "" if path == files.STDIO else Path(path).name
