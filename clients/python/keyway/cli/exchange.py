"""The commands of `keyway certs` that transfer files: download, upload, csr, install, import."""

import sys
from typing import Any, Final

import click
from google.protobuf.message import Message

from keyway.cli import filenames, files, names, value_types, views
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
        Without --output, the file is written to the current directory, with the
        name from the provider. The private key goes to a separate file with mode
        0600: www.key next to www.pem, www.example.com.key next to www.example.com,
        or the file of --key-output.
    """,
)
@click.argument("certificate", type=value_types.CERTIFICATE)
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), default="pem", help="der contains only the leaf.")
@click.option("--include-private-key", is_flag=True, help="Also download the private key, if policy permits.")
@click.option("--key-output", metavar="FILE", help="File for the private key.")
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
        raise click.UsageError("--key-output requires --include-private-key")
    printed = output == files.STDIO or (session.json and output is None)
    if include_private_key and ((printed and key_output is None) or key_output == files.STDIO):
        files.check_terminal(session, force=force)
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
    target = output or filenames.local_name(found.filename)
    private = key_output or (files.STDIO if printed else filenames.key_path(target))
    if found.private_key_pem and target == private != files.STDIO:
        raise click.UsageError("certificates and private key need different files: pass --key-output")
    # Write neither file if one of them exists.
    for each in (target, private) if found.private_key_pem else (target,):
        files.check_free(each, force=force)
    _store(session, found.content, target, f"certificate chain of length {len(found.certificate_chain)}", force=force)
    if found.private_key_pem:
        key = found.private_key_pem.encode()
        what = "the private key" + " (not compared with the certificate)" * found.private_key_unchecked
        _store(session, key, private, what, force=force, private=True)


def _store(session: Session, data: bytes, target: str, what: str, *, force: bool, private: bool = False) -> None:
    files.write(session, data, target, force=force, private=private)
    if target != files.STDIO:
        session.output.note(f"{target}: {what}")


@click.command(
    cls=Command,
    examples="keyway certs upload nhn-certs/www.example.com www.pem",
    notes="The certificate must be registered. An existing file is replaced.",
)
@click.argument("certificate", type=value_types.CERTIFICATE)
@files.argument("file")
@pass_session
def upload(session: Session, certificate: str, file: str) -> None:
    """Upload the file of a certificate.

    FILE is one PEM file: the certificate with its chain, leaf first, and the private key.
    """
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/UploadCertificate")
    request = contract.UploadCertificateRequest(name=name, content=files.read(file), filename=filename(file))
    response = session.call(session.client.certificates.UploadCertificate, request)
    done(session, response, f"uploaded {names.short(name)}")


@click.command(cls=Command, examples="keyway certs csr asteria/server -o server.csr")
@click.argument("certificate", type=value_types.CERTIFICATE)
@files.output_options
@password_options(private_key=True)
@pass_session
def csr(session: Session, certificate: str, *, output: str | None, force: bool, **arguments: Any) -> None:
    """Print the certificate signing request of a certificate as PEM."""
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
@click.argument("certificate", type=value_types.CERTIFICATE)
@files.argument("file")
@click.option("--chain", metavar="FILE", help="Certificates of the issuing authorities.")
@password_options(private_key=True)
@pass_session
def install(session: Session, certificate: str, file: str, *, chain: str | None, **arguments: Any) -> None:
    """Install a signed certificate.

    FILE contains the certificate as X.509 or PKCS#7, PEM or DER. It replaces the self-signed certificate.
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
    done(session, response, f"installed the signed certificate of {names.short(name)}")


@click.command("import", cls=Command, examples="keyway certs import asteria/client client.p12")
@click.argument("certificate", type=value_types.CERTIFICATE)
@files.argument("file")
@click.option("--replace", is_flag=True, help="Replace an existing certificate and its key.")
@password_options(private_key=True, of_file=True)
@pass_session
def import_(session: Session, certificate: str, file: str, *, replace: bool, **arguments: Any) -> None:
    """Import a certificate and its key from a key store file.

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
    """Report success: JSON for programs, `text` on a terminal."""
    if session.json:
        session.output.json(response)
    elif sys.stderr.isatty():
        session.output.note(text, "green")


def filename(path: str) -> str:
    """Return the file name for the request; empty for standard input."""
    return "" if path == files.STDIO else filenames.sent_name(path)
