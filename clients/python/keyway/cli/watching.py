"""The command `keyway certs watch`, which prints the versions of certificates and their changes."""

import datetime as dt
from collections.abc import Iterator
from typing import Final

import click

from keyway.cli import expiry, names, value_types
from keyway.cli.commands import Command, pass_session
from keyway.cli.session import Session
from keyway.v1 import certificate_service_pb2 as contract
from keyway.v1.certificate_service_pb2 import WatchCertificatesResponse

_METHOD: Final = "CertificateService/WatchCertificates"
_PREFIX: Final = "CERTIFICATE_EVENT_TYPE_"
_VERSION_DIGITS: Final = 12
_STYLES: Final = {
    contract.CERTIFICATE_EVENT_TYPE_RENEWED: "green",
    contract.CERTIFICATE_EVENT_TYPE_EXPIRING: "yellow",
    contract.CERTIFICATE_EVENT_TYPE_EXPIRED: "red",
    contract.CERTIFICATE_EVENT_TYPE_REMOVED: "red",
    contract.CERTIFICATE_EVENT_TYPE_UNREADABLE: "red",
    contract.CERTIFICATE_EVENT_TYPE_SYNCED: "dim",
}


@click.command(
    cls=Command,
    examples="""
        keyway certs watch --provider nhn-certs
        keyway certs watch nhn-certs/www.example.com nhn-certs/api.example.com
        keyway certs watch --provider nhn-certs --once --json
    """,
    notes="""
        The certificates must belong to one provider. The command reconnects and
        continues until you press Ctrl-C. The gateway learns of changes when it polls
        the provider. The version is the SHA-256 hash of the certificate chain.
    """,
)
@click.argument("certificates", nargs=-1, type=value_types.CERTIFICATE, metavar="[CERTIFICATE]...")
@click.option("--provider", type=value_types.PROVIDER, metavar="PROVIDER", help="All certificates of this provider.")
@click.option("--once", is_flag=True, help="Exit after the current versions.")
@click.option("--resume-token", metavar="TOKEN", default="", help="Print only the changes since then (--json).")
@pass_session
def watch(
    session: Session, certificates: tuple[str, ...], *, provider: str | None, once: bool, resume_token: str
) -> None:
    """Print the versions of certificates, and changes as they happen."""
    parent, several = _watched(session, certificates, provider)
    session.method = "WatchCertificates"
    with session.client.watch_certificates(parent, names=several, resume_token=resume_token) as found:
        for event in found:
            _print(session, event)
            if once and event.type == contract.CERTIFICATE_EVENT_TYPE_SYNCED:
                return


def _watched(session: Session, certificates: tuple[str, ...], provider: str | None) -> tuple[str, list[str]]:
    """Return the parent and the names of the request."""
    if bool(certificates) == bool(provider):
        raise click.UsageError("pass either certificates or --provider")
    if provider:
        return names.provider(provider), []
    several = [names.full(session, names.CERTIFICATE, each, _METHOD) for each in certificates]
    parents = sorted({names.provider_of(each) for each in several})
    if len(parents) != 1:
        raise click.UsageError(f"the certificates belong to different providers: {', '.join(parents)}")
    return names.provider(parents[0]), several


def _print(session: Session, event: WatchCertificatesResponse) -> None:
    if session.json:
        session.output.json(event)
        session.output.screen.flush()
    else:
        session.output.line("  ".join(_cells(event)), _STYLES.get(event.type, ""))


def _cells(event: WatchCertificatesResponse) -> Iterator[str]:
    yield f"{dt.datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    kind = contract.CertificateEventType.Name(event.type).removeprefix(_PREFIX).lower()
    yield f"{kind:10}" if event.name else kind
    if event.name:
        yield names.short(event.name)
    if event.version:
        yield f"version {event.version[:_VERSION_DIGITS]}"
    if last_day := expiry.day(event.certificate.expiration_date):
        yield f"expires {last_day}"
    if event.reason:
        yield event.reason
    if event.coalesced_count:
        yield f"replaces {event.coalesced_count} earlier events"
