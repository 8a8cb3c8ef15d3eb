"""Fields of certificates and authorities for display, in reading order."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from keyway.cli import expiry
from keyway.terminal.styles import Styled
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.trusted_authority_pb2 import TrustedAuthority

Field = tuple[str, str | Sequence[str]]


def certificate(found: Certificate) -> Iterator[Field]:
    """Yield the fields for display."""
    yield "Name", found.name
    if found.display_name != found.name.rsplit("/", 1)[-1]:
        yield "Display name", found.display_name
    yield "Authority", found.authority
    yield "Domains", list(found.domains)
    yield "Subject", found.subject.text or found.subject.common_name
    yield "Issuer", found.issuer.text
    yield "Valid from", _moment(found.not_before)
    yield "Valid until", _until(found.not_after) or _day(expiry.day(found.expiration_date))
    yield "File created", str(expiry.day(found.file_creation_date) or "")
    yield "Chain", list(found.chain)
    yield from _details(found)


def authority(found: TrustedAuthority) -> Iterator[Field]:
    """Yield the fields for display."""
    yield "Name", found.name
    yield "Subject", found.subject.text
    yield "Issuer", found.issuer.text
    yield "Valid from", _moment(found.not_before)
    yield "Valid until", _until(found.not_after)
    yield from _details(found)


def _details(found: Any) -> Iterator[Field]:
    yield "Serial", found.serial_number
    yield "Version", found.version
    yield "Signature", found.signature_algorithm
    uses = [field.name.replace("_", " ") for field, value in found.key_usage.ListFields() if value]
    yield "Key usage", ", ".join(uses)
    yield "SHA-256", found.fingerprints.sha256
    yield "SHA-1", found.fingerprints.sha1
    yield "MD5", found.fingerprints.md5
    yield "Unreadable", ", ".join(field.replace("_", " ") for field in found.unreadable_fields)


def last_day(found: TrustedAuthority) -> dt.date | None:
    """Return the last day of validity in the time zone of this machine."""
    until = expiry.moment(found.not_after)
    return until.date() if until else None


def expires_within(found: Certificate, days: int | None) -> bool | None:
    """Return whether a certificate expires within `days`; None if its expiry date is unknown."""
    if days is None:
        return True
    last = expiry.day(found.expiration_date)
    return None if last is None else last <= expiry.providers_today() + dt.timedelta(days=days)


def _moment(timestamp: Timestamp) -> str:
    when = expiry.moment(timestamp)
    return f"{when:%Y-%m-%d %H:%M:%S %Z}" if when else ""


def _until(timestamp: Timestamp) -> Styled:
    when = expiry.moment(timestamp)
    return _with_days(_moment(timestamp), expiry.left(when.date())) if when else Styled("")


def _day(last: dt.date | None) -> Styled:
    return _with_days(str(last), expiry.left(last, expiry.providers_today())) if last else Styled("")


def _with_days(text: str, left: Styled) -> Styled:
    return Styled(f"{text}  ({left})", left.style)
