"""Metrics of certificates: from polls, and from responses."""

import datetime as dt
import math

import pytest
from google.type.date_pb2 import Date

from gateway.telemetry import certificates
from gateway.telemetry.certificates import expiries as expiry_dates
from gateway.telemetry.metrics import Metrics
from keyway.cli.expiry import providers_today
from keyway.v1.certificate_pb2 import Certificate
from keyway.v1.certificate_service_pb2 import CheckCertificateResponse, GetCertificateResponse, ListCertificatesResponse


def certificate(name: str, days: int) -> Certificate:
    date = providers_today() + dt.timedelta(days=days)
    full = f"providers/nhn/certificates/{name}"
    return Certificate(name=full, expiration_date=Date(year=date.year, month=date.month, day=date.day))


def got(name: str, days: int) -> GetCertificateResponse:
    return GetCertificateResponse(certificate=certificate(name, days))


def expiries(metrics: Metrics) -> dict[str, float]:
    found = {one.about.name: one for one in metrics.read()}.get("keyway.certificate.expiry.days")
    return {} if found is None else {str(p.attributes["keyway.certificate"]): p.value for p in found.points}  # type: ignore[misc]


def test_days_to_expiry_come_from_certificates_in_responses() -> None:
    metrics = Metrics()
    metrics.answered(ListCertificatesResponse(certificates=[certificate("a", 10), certificate("b", -3)]))
    metrics.answered(got("c", 0))
    metrics.answered(got("a", 20))
    metrics.answered(GetCertificateResponse(certificate=Certificate(name="providers/asteria/certificates/server")))
    metrics.answered(CheckCertificateResponse(exists=True))
    found = expiries(metrics)
    assert set(found) == {"a", "b", "c"}
    assert 20 < found["a"] <= 21
    assert -3 < found["b"] <= -2
    assert 0 < found["c"] <= 1


def test_days_rounded_down_are_those_of_the_command_line() -> None:
    metrics = Metrics()
    for days in (0, 1, 7, 30, -1, -30):
        metrics.answered(got(str(days), days))
    assert {name: math.floor(value) for name, value in expiries(metrics).items()} == {
        str(days): days for days in (0, 1, 7, 30, -1, -30)
    }


def test_days_to_expiry_of_a_certificate_without_expiration() -> None:
    metrics = Metrics()
    name = "providers/nhn/certificates/never"
    metrics.answered(
        GetCertificateResponse(certificate=Certificate(name=name, expiration_date=Date(year=9999, month=12, day=31)))
    )
    assert expiries(metrics)["never"] > 365 * 7000


def test_earliest_expiries_are_kept_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_SURPLUS", 1)
    metrics = Metrics(maximum_certificates=2)
    for name, days in (("late", 30), ("later", 40), ("soon", 1), ("last", 50)):
        metrics.answered(got(name, days))
    assert set(expiries(metrics)) == {"late", "soon"}


def test_certificate_that_no_response_contains_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    metrics.answered(got("gone", 5))
    monkeypatch.setattr(certificates, "FORGET_SECONDS", -1.0)
    assert not expiries(metrics)


def test_poll_replaces_all_certificates_of_the_provider() -> None:
    metrics = Metrics()
    metrics.certificates.expect_polls(["nhn"])
    metrics.answered(got("ignored", 5))
    assert not expiries(metrics)
    metrics.certificates.replace("nhn", expiry_dates([certificate("a", 1), certificate("removed", 2)]))
    assert set(expiries(metrics)) == {"a", "removed"}
    metrics.certificates.replace("nhn", expiry_dates([certificate("a", 1), certificate("new", 3)]))
    metrics.answered(got("removed", 2))
    assert set(expiries(metrics)) == {"a", "new"}


def test_soonest_expiries_have_series_and_all_certificates_are_counted() -> None:
    metrics = Metrics(maximum_certificates=3)
    days = {"long-expired": -900, "expired": -2, "today": 0, "week": 7, "month": 30, "year": 300, "decade": 3000}
    metrics.certificates.expect_polls(["nhn"])
    found = [certificate(name, left) for name, left in days.items()]
    metrics.certificates.replace("nhn", expiry_dates([*found, Certificate(name="providers/nhn/certificates/x")]))
    assert list(expiries(metrics)) == ["today", "week", "month"]
    (counted,) = (one for one in metrics.read() if one.about.name == "keyway.certificate.count")
    assert {str(point.attributes["keyway.expires_within"]): point.value for point in counted.points} == {
        "expired": 2,
        "1": 1,
        "7": 1,
        "30": 1,
        "365": 1,
        "later": 1,
        "unknown": 1,
    }
    assert {point.attributes["keyway.provider"] for point in counted.points} == {"nhn"}


def test_expired_certificates_do_not_displace_others() -> None:
    metrics = Metrics(maximum_certificates=2)
    for name, days in (("long-expired", -900), ("expired", -2), ("valid", 3000)):
        metrics.answered(got(name, days))
    assert list(expiries(metrics)) == ["valid", "expired"]


def test_expired_certificates_in_responses_do_not_displace_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_SURPLUS", 0)
    metrics = Metrics(maximum_certificates=2)
    for name, days in (("valid", 3000), ("expired", -2), ("long-expired", -900), ("soon", 5)):
        metrics.answered(got(name, days))
    assert list(expiries(metrics)) == ["soon", "valid"]


def test_soonest_certificates_of_all_providers_have_series() -> None:
    metrics = Metrics(maximum_certificates=2)
    today = providers_today()
    for provider, days in {"one": [1, 40, 50], "two": [2, 3, -1]}.items():
        found = {f"providers/{provider}/certificates/{left}": today + dt.timedelta(days=left) for left in days}
        metrics.certificates.replace(provider, found)
    assert list(expiries(metrics)) == ["1", "2"]


def test_scrape_does_not_look_at_each_of_many_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    ranked = []

    def rank(last: dt.date, today: dt.date) -> tuple[bool, int]:
        ranked.append(last)
        return last < today, abs((last - today).days)

    monkeypatch.setattr(certificates, "_rank", rank)
    found = {f"providers/nhn/certificates/{number}": providers_today() for number in range(10_000)}
    metrics = Metrics(maximum_certificates=10)
    metrics.certificates.replace("nhn", found)
    assert len(expiries(metrics)) == len(ranked) == 10
    (count,) = metrics.certificates.counts()
    assert count.value == 10_000
