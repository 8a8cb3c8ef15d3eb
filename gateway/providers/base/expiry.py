"""Expiration of certificates: at the end of the expiration date, in the time zone of the provider."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from google.type import date_pb2

from gateway.providers.base.errors import FormatError
from keyway.v1 import certificate_pb2 as certificates


def set_expiration(
    message: certificates.Certificate, expiration: date, timezone: ZoneInfo, *, now: datetime | None = None
) -> None:
    """Set expiration_date and state. now: an aware datetime; by default the current time."""
    message.expiration_date.CopyFrom(to_message(expiration))
    set_state(message, timezone, now=now)


def set_state(message: certificates.Certificate, timezone: ZoneInfo, *, now: datetime | None = None) -> None:
    """Set the state that follows from expiration_date; UNSPECIFIED without one. now: see `set_expiration`."""
    if not message.HasField("expiration_date"):
        return
    last = message.expiration_date
    expiration = date(last.year, last.month, last.day)
    today = (now or datetime.now(timezone)).astimezone(timezone).date()
    message.state = (
        certificates.CERTIFICATE_STATE_EXPIRED if expiration < today else certificates.CERTIFICATE_STATE_ACTIVE
    )


def expires_on(moment: datetime, timezone: ZoneInfo) -> date:
    """Return the day of `moment` in the zone. If the year would be 10000, return the day without conversion."""
    try:
        return moment.astimezone(timezone).date()
    except OverflowError:
        return moment.date()


def to_message(day: date) -> date_pb2.Date:
    """Return the day as `google.type.Date`."""
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)


def parse_day(text: str) -> date:
    """Return the day in `YYYY-MM-DD`. A time after it is ignored. Raises FormatError."""
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise FormatError("a date is not YYYY-MM-DD") from None
