"""How the console shows values: durations, sizes, groups by expiry, and text from other sources."""

import datetime as dt

import pytest
from google.protobuf.duration_pb2 import Duration
from google.type.date_pb2 import Date

from keyway.console import expiry, formats
from keyway.console.reasons import reason_text
from keyway.console.verification import covers
from keyway.v1 import audit_service_pb2 as audit
from keyway.v1 import error_reason_pb2
from keyway.v1.certificate_pb2 import Certificate

TODAY = dt.date(2026, 12, 30)


def certificate(name: str, date: dt.date | None) -> Certificate:
    last = None if date is None else Date(year=date.year, month=date.month, day=date.day)
    return Certificate(name=f"providers/p/certificates/{name}", expiration_date=last)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0.0 ms"),
        (0.374, "0.4 ms"),
        (999.4, "999.4 ms"),
        (1000, "1 s"),
        (61_000, "1 min 1 s"),
        (90_061_000, "1 d 1 h"),
    ],
)
def test_duration_has_two_units(milliseconds: float, text: str) -> None:
    assert formats.duration(Duration(nanos=0) if not milliseconds else of_milliseconds(milliseconds)) == text


def of_milliseconds(milliseconds: float) -> Duration:
    made = Duration()
    made.FromNanoseconds(round(milliseconds * 1_000_000))
    return made


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (999_600, "1 MB"), (61_800_000_000, "61.8 GB")]
)
def test_size_has_three_digits(count: int, text: str) -> None:
    assert formats.size(count) == text


def test_text_of_other_sources_is_escaped_by_each_filter() -> None:
    hostile = "<b>`x`</b>\u202e\x1b"
    assert formats.marked(hostile) == "&lt;b&gt;<code>x</code>&lt;/b&gt;\\u202e\\x1b"
    assert formats.lines(f"{hostile}\n<i>") == "&lt;b&gt;`x`&lt;/b&gt;\\u202e\\x1b\n&lt;i&gt;"
    assert formats.words("GetSecret<b>") == "Get<wbr>Secret&lt;b&gt;"
    assert formats.link("/audit", path="x") == "/audit?path=x"
    assert formats.link("/audit", caller="a&b=c d", reason="") == "/audit?caller=a%26b%3Dc+d"


def test_certificates_are_grouped_by_the_days_left() -> None:
    days = {"expired": -1, "7": 0, "30": 8, "90": 90, "later": 91}
    rows = [expiry.row(certificate(key, TODAY + dt.timedelta(days=left)), TODAY) for key, left in days.items()]
    rows.append(expiry.row(certificate("unknown", None), TODAY))
    groups = expiry.groups(reversed(rows))
    assert [(group.key, [each.certificate.name.rsplit("/", 1)[-1] for each in group.rows]) for group in groups] == [
        (key, [key]) for key in (*days, "unknown")
    ]
    assert [group.rows[0].level for group in groups] == [group.level for group in groups]
    assert [group.rows[0].left for group in groups] == ["1 day ago", "today", "8 days", "90 days", "91 days", "unknown"]


def test_months_begin_with_the_current_one_and_omit_expired_certificates() -> None:
    dates = [dt.date(2026, 12, 1), dt.date(2026, 12, 31), dt.date(2027, 1, 5), dt.date(2027, 1, 6), dt.date(2028, 1, 1)]
    months = expiry.months([expiry.row(certificate("x", date), TODAY) for date in dates], TODAY)
    assert len(months) == 13
    assert [(each.first, each.count, each.share) for each in months[:3]] == [
        (dt.date(2026, 12, 1), 1, 50),
        (dt.date(2027, 1, 1), 2, 100),
        (dt.date(2027, 2, 1), 0, 0),
    ]
    assert months[-1].first == dt.date(2027, 12, 1)


@pytest.mark.parametrize(
    ("state", "receipt", "covered"),
    [
        (audit.VERIFICATION_STATE_VERIFIED, "gw-a:7:aa", True),
        (audit.VERIFICATION_STATE_VERIFIED, "gw-a:8:aa", False),
        (audit.VERIFICATION_STATE_VERIFIED, "gw-b:1:aa", False),
        (audit.VERIFICATION_STATE_NOT_VERIFIED, "gw-a:7:aa", False),
        (audit.VERIFICATION_STATE_VERIFIED, "", False),
    ],
)
def test_verification_covers_earlier_records_of_its_chains(
    state: audit.VerificationState.ValueType, receipt: str, covered: bool
) -> None:
    assert covers(audit.VerifyJournalResponse(state=state, heads=["gw-a:7:ff"]), receipt) is covered


def test_every_error_reason_is_explained() -> None:
    names = [name.removeprefix("ERROR_REASON_") for name, number in error_reason_pb2.ErrorReason.items() if number]
    assert [name for name in names if reason_text(name) is None] == []
