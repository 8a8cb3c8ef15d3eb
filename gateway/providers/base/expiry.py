"""When a certificate expires, by the calendar of its provider: at the end of its expiration date."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from google.type import date_pb2

from gateway.providers.base.errors import FormatError
from keyway.v1 import certificate_pb2 as certificates


def set_expiration(
    message: certificates.Certificate, expiration: date, timezone: ZoneInfo, *, now: datetime | None = None
) -> None:
    """Set expiration_date and state. `now` (with a zone) is the clock's time unless it is given."""
    today = (now or datetime.now(timezone)).astimezone(timezone).date()
    message.expiration_date.CopyFrom(to_message(expiration))
    message.state = (
        certificates.CERTIFICATE_STATE_EXPIRED if expiration < today else certificates.CERTIFICATE_STATE_ACTIVE
    )


def expires_on(moment: datetime, timezone: ZoneInfo) -> date:
    """The day of `moment` in the zone; its own where the calendar ends there (9999-12-31 is a usual "never")."""
    try:
        return moment.astimezone(timezone).date()
    except OverflowError:
        return moment.date()


def to_message(day: date) -> date_pb2.Date:
    """The day as `google.type.Date`."""
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)


def parse_day(text: str) -> date:
    """The day in `YYYY-MM-DD`; a time after it is ignored. FormatError where it is none."""
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise FormatError("a date is not YYYY-MM-DD") from None
