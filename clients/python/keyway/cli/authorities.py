"""The commands `keyway cas …` for the certificate authorities in trust stores."""

from typing import Any, Final

import click

from keyway.cli import exchange, expiry, files, names, value_types, views
from keyway.cli.certificates import confirm
from keyway.cli.commands import Group, pass_session
from keyway.cli.listing import ListColumn, Listing, Selection
from keyway.cli.session import Session
from keyway.v1 import certificate_service_pb2 as contract
from keyway.v1.trusted_authority_pb2 import TrustedAuthority

_LISTING: Final = Listing(
    "authority",
    "authorities",
    (
        ListColumn("name", lambda each: names.short(each.name), title="Authority"),
        ListColumn("provider", lambda each: names.provider_of(each.name), extra=True),
        ListColumn("subject", lambda each: each.subject.common_name or each.subject.text),
        ListColumn("issuer", lambda each: each.issuer.common_name or each.issuer.text, extra=True),
        ListColumn("expires", lambda each: expiry.text(views.last_day(each)), views.last_day, terminal=80),
        ListColumn(
            "left",
            lambda each: expiry.left(views.last_day(each)),
            lambda each: expiry.days_left(views.last_day(each)),
            right=True,
        ),
    ),
    order=lambda each: (expiry.ordering(views.last_day(each)), each.name),
)


@click.group(cls=Group)
def cas() -> None:
    """List, show, import, and delete trusted certificate authorities."""


@cas.command(
    "list",
    examples="""
        keyway cas list
        keyway cas list asteria/server
    """,
)
@click.argument("store", type=value_types.STORE, required=False)
@_LISTING.options
@pass_session
def list_(session: Session, store: str | None, **arguments: Any) -> None:
    """List certificate authorities, soonest expiry first.

    STORE is a trust store. Default: all trust stores.
    """
    selection = _LISTING.selection(session, arguments)
    if store:
        stores = [names.full(session, names.STORE, store, names.LIST_AUTHORITIES)]
    else:
        stores = list(names.trust_stores(session.providers()))
    method = session.client.certificates.ListTrustedAuthorities
    found: list[TrustedAuthority] = []
    for parent in stores:
        found += session.call(method, contract.ListTrustedAuthoritiesRequest(parent=parent)).authorities
    selection.show(session, found)


@cas.command(examples="keyway cas show asteria/server/0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01")
@click.argument("authority", type=value_types.AUTHORITY)
@pass_session
def show(session: Session, authority: str) -> None:
    """Show a certificate authority."""
    name = names.full(session, names.AUTHORITY, authority, "CertificateService/GetTrustedAuthority")
    request = contract.GetTrustedAuthorityRequest(name=name)
    found = session.call(session.client.certificates.GetTrustedAuthority, request).authority
    if session.json:
        session.output.json(found)
    else:
        session.output.fields(views.authority(found))


@cas.command("import", examples="keyway cas import asteria/server authorities.pem")
@click.argument("store", type=value_types.STORE)
@files.argument("file")
@pass_session
def import_(session: Session, store: str, file: str) -> None:
    """Import the certificate authorities in a file into a trust store.

    FILE contains X.509 certificates or PKCS#7, in PEM or DER.
    """
    content = files.read(file)
    parent = names.full(session, names.STORE, store, "CertificateService/ImportTrustedAuthority")
    request = contract.ImportTrustedAuthorityRequest(
        parent=parent, content=content, filename=exchange.filename(file)
    )  # fmt: skip
    response = session.call(session.client.certificates.ImportTrustedAuthority, request)
    if session.json:
        session.output.json(response)
        return
    new = [each for each in response.authorities if each.alias in response.imported]
    if new:
        Selection(_LISTING, (), (), ()).show(session, new)
    else:
        session.output.note("The trust store already contains all authorities in the file.", "dim")


@cas.command(examples="keyway cas delete asteria/server/0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01")
@click.argument("authority", type=value_types.AUTHORITY)
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@pass_session
def delete(session: Session, authority: str, *, yes: bool) -> None:
    """Delete a certificate authority from its trust store."""
    name = names.full(session, names.AUTHORITY, authority, "CertificateService/DeleteTrustedAuthority")
    confirm(f"Delete {names.short(name)}?", yes=yes)
    request = contract.DeleteTrustedAuthorityRequest(name=name)
    response = session.call(session.client.certificates.DeleteTrustedAuthority, request)
    exchange.done(session, response, f"deleted {names.short(name)}")
