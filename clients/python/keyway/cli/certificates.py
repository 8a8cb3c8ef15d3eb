"""The commands `keyway certs …` for certificates."""

import datetime as dt
import sys
from typing import Any, Final

import click

from keyway.cli import exchange, expiry, names, value_types, views
from keyway.cli.commands import Group, pass_session
from keyway.cli.failures import INTERRUPTED, NO, Refused
from keyway.cli.listing import ListColumn, Listing
from keyway.cli.passwords import password_options, taken, with_password
from keyway.cli.session import Session
from keyway.cli.watching import watch
from keyway.v1 import certificate_service_pb2 as contract
from keyway.v1.certificate_pb2 import Certificate, CertificateState


def _last_day(found: Certificate) -> dt.date | None:
    return expiry.day(found.expiration_date)


_LISTING: Final = Listing(
    "certificate",
    "certificates",
    (
        ListColumn("name", lambda each: names.short(each.name), title="Certificate"),
        ListColumn("provider", lambda each: names.provider_of(each.name), extra=True),
        ListColumn("display-name", lambda each: each.display_name, extra=True),
        ListColumn("authority", lambda each: each.authority, terminal=80, shortens=True),
        ListColumn("domains", lambda each: ", ".join(each.domains), extra=True),
        ListColumn("algorithm", lambda each: each.signature_algorithm, extra=True),
        ListColumn("created", lambda each: expiry.text(expiry.day(each.file_creation_date)),
                   lambda each: expiry.day(each.file_creation_date), extra=True),
        ListColumn("state", lambda each: CertificateState.Name(each.state).rpartition("_")[2].lower(), extra=True),
        ListColumn("expires", lambda each: expiry.text(_last_day(each)), _last_day),
        ListColumn("left", lambda each: expiry.left(_last_day(each), expiry.providers_today()),
                   lambda each: expiry.days_left(_last_day(each), expiry.providers_today()), right=True),
    ),
    order=lambda each: (expiry.ordering(_last_day(each)), each.name),
)  # fmt: skip


@click.group(cls=Group)
def certs() -> None:
    """List, show, create, import, and delete certificates."""


@certs.command(
    "list",
    examples="""
        keyway certs list
        keyway certs list --provider nhn-certs --all
        keyway certs list --within 30 --json | jq -r .name
        keyway certs list --filter 'provider=nhn-*' --filter 'left<60' --sort -left
        keyway certs list --columns name,state,expires
    """,
    notes="""
        The exit code is 1 if a provider does not respond; its certificates are then
        missing. Some providers do not list expiry dates: --within omits their
        certificates and prints the number on standard error. keyway certs show
        prints the expiry date of such a certificate.
    """,
)
@click.option(
    "--provider", type=value_types.PROVIDER, metavar="PROVIDER", default="-", help="Only this provider. Default: all."
)
@click.option("--expired", is_flag=True, help="Only expired certificates.")
@click.option("--all", "every", is_flag=True, help="Include expired certificates.")
@click.option("--within", type=click.IntRange(min=0), metavar="DAYS", help="Only certificates that expire within DAYS.")
@_LISTING.options
@pass_session
def list_(session: Session, *, provider: str, expired: bool, every: bool, within: int | None, **arguments: Any) -> int:
    """List certificates, soonest expiry first."""
    selection = _LISTING.selection(session, arguments)
    state = contract.CERTIFICATE_STATE_FILTER_UNEXPIRED
    if every or expired:
        state = contract.CERTIFICATE_STATE_FILTER_ALL if every else contract.CERTIFICATE_STATE_FILTER_EXPIRED
    request = contract.ListCertificatesRequest(parent=names.provider(provider), state=state)
    unreachable: set[str] = set()
    found: list[Certificate] = []
    unknown = 0
    for page in session.pages(session.client.certificates.ListCertificates, request):
        unreachable.update(page.unreachable)
        judged = [(each, views.expires_within(each, within)) for each in page.certificates]
        unknown += sum(expires is None for _, expires in judged)
        found += [each for each, expires in judged if expires]
    selection.show(session, found)
    if unknown:
        hint = "run without --within to list them"
        session.output.note(f"keyway: omitted {unknown} certificates with unknown expiry; {hint}", "yellow")
    for name in sorted(unreachable):
        session.output.note(f"keyway: {names.short(name)} does not respond: its certificates are missing", "yellow")
    return NO if unreachable else 0


@certs.command(
    examples="""
        keyway certs show nhn-certs/www.example.com
        keyway certs show asteria/server          prompts for the key store password
    """
)
@click.argument("certificate", type=value_types.CERTIFICATE)
@click.option("--basic", is_flag=True, help="Show only the fields that `list` returns; do not read the file.")
@password_options()
@pass_session
def show(session: Session, certificate: str, *, basic: bool, **arguments: Any) -> None:
    """Show a certificate."""
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/GetCertificate")
    view = contract.CERTIFICATE_VIEW_BASIC if basic else contract.CERTIFICATE_VIEW_FULL
    request = contract.GetCertificateRequest(name=name, view=view)
    response = with_password(session, session.client.certificates.GetCertificate, request, taken(arguments))
    _show(session, response.certificate)


def _show(session: Session, certificate: Certificate) -> None:
    if session.json:
        session.output.json(certificate)
    else:
        session.output.fields(views.certificate(certificate))


@certs.command(
    examples="""
        keyway certs create asteria/client --cn client.example.com --country KR
    """,
    notes="The certificate is self-signed. keyway certs csr prints its signing request.",
)
@click.argument("certificate", type=value_types.CERTIFICATE)
@click.option("--common-name", "--cn", required=True, help="CN: common name.")
@click.option("--country", default="", help="C: two-letter country code.")
@click.option("--state", default="", help="ST: state or province.")
@click.option("--locality", default="", help="L: locality, such as a city.")
@click.option("--organization", default="", help="O: organization.")
@click.option("--organizational-unit", default="", help="OU: organizational unit.")
@click.option("--days", type=click.IntRange(min=0), default=0, help="Validity in days. Default: 365.")
@click.option("--key-algorithm", default="", help="Key algorithm. Default: RSA.")
@click.option("--key-size", type=click.IntRange(min=0), default=0, help="Key size in bits. Default: 2048.")
@click.option("--signature-algorithm", default="", help="Signature algorithm. Default: SHA256withRSA.")
@click.option("--replace", is_flag=True, help="Replace an existing certificate and its key.")
@password_options(private_key=True)
@pass_session
def create(session: Session, certificate: str, *, days: int, **arguments: Any) -> None:
    """Create a key pair and a self-signed certificate."""
    passwords = taken(arguments)
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/CreateCertificate")
    keystore = passwords.keystore(new=True)
    parent, _, certificate_id = name.rpartition("/certificates/")
    own = ("key_algorithm", "key_size", "signature_algorithm", "replace")
    request = contract.CreateCertificateRequest(
        parent=parent,
        certificate_id=certificate_id,
        validity_days=days,
        keystore_password=keystore,
        private_key_password=passwords.private_key(keystore, new=True),
        **{option: arguments.pop(option) for option in own},
    )
    for part, value in arguments.items():
        setattr(request.subject, part, value)
    _show(session, session.call(session.client.certificates.CreateCertificate, request).certificate)


@certs.command(examples="keyway certs delete asteria/client")
@click.argument("certificate", type=value_types.CERTIFICATE)
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@password_options()
@pass_session
def delete(session: Session, certificate: str, *, yes: bool, **arguments: Any) -> None:
    """Delete a certificate and its key. This cannot be undone."""
    passwords = taken(arguments)
    name = names.full(session, names.CERTIFICATE, certificate, "CertificateService/DeleteCertificate")
    confirm(f"Delete {names.short(name)} and its key? This cannot be undone.", yes=yes)
    request = contract.DeleteCertificateRequest(name=name, keystore_password=passwords.keystore())
    response = session.call(session.client.certificates.DeleteCertificate, request)
    exchange.done(session, response, f"deleted {names.short(name)}")


def confirm(question: str, *, yes: bool) -> None:
    """Ask for confirmation. Raises Exit if the user declines, Refused if standard input is not a terminal."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("not a terminal; pass --yes to confirm")
    if not click.confirm(question, err=True):
        # A declined confirmation prints no message.
        raise click.exceptions.Exit(INTERRUPTED)


_EXCHANGES: Final[tuple[click.Command, ...]] = (
    exchange.download,
    exchange.upload,
    exchange.csr,
    exchange.install,
    exchange.import_,
)
for command in (*_EXCHANGES, watch):
    certs.add_command(command)
