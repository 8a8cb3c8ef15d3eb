"""Parsers of the ASTERIA adapter: names and times."""

import contextlib
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.asteria import distinguished_names, times
from gateway.providers.base.errors import FormatError

TOKYO = ZoneInfo("Asia/Tokyo")
OIDS = {"O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME}

values = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)
attributes = st.lists(st.tuples(st.sampled_from(list(OIDS)), values), min_size=1, max_size=6)


@given(attributes)
def test_rfc_4514_name_is_parsed(parts: list[tuple[str, str]]) -> None:
    name = x509.Name([x509.NameAttribute(OIDS[key], value) for key, value in parts])
    assert distinguished_names.parse(name.rfc4514_string()) == list(reversed(parts))


@given(st.dictionaries(st.sampled_from(["C", "ST", "L", "O", "OU", "CN", "EMAIL"]), values, min_size=1))
def test_text_of_parts_is_parsed_to_the_same_parts(parts: dict[str, str]) -> None:
    made = distinguished_names.read(parts)
    again = distinguished_names.from_text(made.text)
    assert again == made


@given(st.text() | st.text('CN=ou,;+"\\# 0aZ'))
def test_any_text_is_kept_unchanged(text: str) -> None:
    assert distinguished_names.from_text(text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CN=a,C=JP", [("CN", "a"), ("C", "JP")]),
        ("CN=a; O=b ; C=JP", [("CN", "a"), ("O", "b"), ("C", "JP")]),
        ("CN=a+OU=b,C=JP", [("CN", "a"), ("OU", "b"), ("C", "JP")]),
        ("cn = a , c = JP ", [("CN", "a"), ("C", "JP")]),
        ('O="Foo, Inc.", C=US', [("O", "Foo, Inc."), ("C", "US")]),
        ("O=Foo, Inc., C=US", [("O", "Foo, Inc."), ("C", "US")]),
        ("O=Foo\\, Inc.,C=US", [("O", "Foo, Inc."), ("C", "US")]),
        ("O=Lu\\C4\\8Di\\C4\\87", [("O", "Lučić")]),
        ("CN=\\ a\\ ", [("CN", " a ")]),
        ("CN=a\\\\ ,C=JP", [("CN", "a\\"), ("C", "JP")]),
        ('CN=5" disk,C=JP', [("CN", '5" disk'), ("C", "JP")]),
        ("OID.2.5.4.3=a,2.5.4.10=b", [("2.5.4.3", "a"), ("2.5.4.10", "b")]),
        ("CN=株式会社,C=JP", [("CN", "株式会社"), ("C", "JP")]),
        ("CN=", [("CN", "")]),
        ("no name at all", []),
        ("", []),
    ],
)
def test_name_in_a_similar_format_is_parsed(text: str, expected: list[tuple[str, str]]) -> None:
    assert distinguished_names.parse(text) == expected


def test_first_of_duplicate_parts_is_used() -> None:
    name = distinguished_names.from_text("CN=a,OU=b,OU=c,2.5.4.6=JP,S=Tokyo")
    assert (name.organizational_unit, name.country, name.state) == ("b", "JP", "Tokyo")


@pytest.mark.parametrize("value", [None, 7, ["CN=a"], True, {"CN": {}}, {"CN": [["a"]]}, {"CN": 1.5}])
def test_name_of_the_wrong_type_is_a_format_error(value: object) -> None:
    with pytest.raises(FormatError):
        distinguished_names.read(value)


@given(st.datetimes(datetime(1900, 1, 1), datetime(9990, 1, 1)), st.sampled_from(["Asia/Tokyo", "America/New_York"]))
def test_time_is_converted_from_its_zone(local: datetime, zone: str) -> None:
    local = local.replace(microsecond=0, fold=0)
    text = local.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0")
    stamp = times.moment(times.parse(text), ZoneInfo(zone))
    assert stamp.ToDatetime(UTC) == local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert times.parse(text).day == local.date()


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2013-01-13 09:56:53", "Asia/Tokyo", "2013-01-13T00:56:53Z"),
        (" 2013-01-13T09:56:53\n", "Asia/Tokyo", "2013-01-13T00:56:53Z"),
        ("2024-11-03 01:30:00", "America/New_York", "2024-11-03T05:30:00Z"),  # twice: the first
        ("2024-03-10 02:30:00", "America/New_York", "2024-03-10T07:30:00Z"),  # never: after the gap
        ("9999-12-31 23:59:59", "Asia/Tokyo", "9999-12-31T14:59:59Z"),
        ("9999-12-31 23:59:59", "America/New_York", "9999-12-31T23:59:59Z"),
        ("10000-01-01 08:59:59", "Asia/Tokyo", "9999-12-31T23:59:59Z"),
        ("10000-01-01 09:00:00", "Asia/Tokyo", "9999-12-31T23:59:59Z"),
        ("10000-01-01 00:00:00", "Asia/Tokyo", "9999-12-31T15:00:00Z"),
        ("10000-02-29 00:00:00", "Asia/Tokyo", "9999-12-31T23:59:59Z"),
        ("99999-12-31 23:59:59", "Asia/Tokyo", "9999-12-31T23:59:59Z"),
        ("0001-01-01 00:00:00", "Asia/Tokyo", "0001-01-01T00:00:00Z"),
    ],
)
def test_unusual_time_is_converted(text: str, zone: str, expected: str) -> None:
    assert times.moment(times.parse(text), ZoneInfo(zone)).ToJsonString() == expected


@pytest.mark.parametrize(
    "text",
    ["", "2013-01-13", "13/01/2013 09:56:53", "2013-02-30 00:00:00", "10001-02-29 00:00:00", "٢٠13-01-13 09:56:53"],
)
def test_invalid_time_is_a_format_error(text: str) -> None:
    with pytest.raises(FormatError):
        times.parse(text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("9999-12-31 23:59:59", date(9999, 12, 31)),
        ("10000-01-01 08:59:59", date(9999, 12, 31)),
        ("9999-02-28 00:00:00", date(9999, 2, 28)),
    ],
)
def test_day_after_the_calendar_is_its_last_day(text: str, day: date) -> None:
    assert times.parse(text).day == day


@given(st.text())
def test_any_text_is_a_time_or_a_format_error(text: str) -> None:
    with contextlib.suppress(FormatError):
        times.moment(times.parse(text), TOKYO)
