"""Times of ASTERIA certificates: conversion from local times in the configured time zone."""

import datetime as dt
import json
from typing import Any

import pytest
from google.type.date_pb2 import Date

from keyway.v1 import certificate_service_pb2 as service
from tests.support import x509_chain
from tests.support.asteria import PASSWORDS, Warp, as_openssl_reads, as_the_gateway_says, store_name
from tests.support.stack import Gateway

NEVER = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
INSTANTS = [
    dt.datetime(2035, 6, 30, 14, 59, 59, tzinfo=dt.UTC),
    dt.datetime(2035, 6, 30, 15, 0, 0, tzinfo=dt.UTC),
    dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
    dt.datetime(2050, 1, 1, 0, 0, 0, tzinfo=dt.UTC),
    dt.datetime(2400, 2, 29, 12, 0, 0, tzinfo=dt.UTC),
    NEVER - dt.timedelta(hours=9),
    NEVER,
]


@pytest.mark.parametrize("not_after", INSTANTS, ids=str)
async def test_validity_equals_the_output_of_openssl(warp: Warp, not_after: dt.datetime) -> None:
    wanted = x509_chain.Wanted(x509_chain.name("Dated"), (x509_chain.authority(),), not_after=not_after)
    pem = x509_chain.pem(x509_chain.self_signed(wanted))
    request = service.ImportTrustedAuthorityRequest(parent=store_name("client"), content=pem)
    listed = (await warp.certificates.ImportTrustedAuthority(request)).authorities[-1]
    get = service.GetTrustedAuthorityRequest(name=listed.name)
    returned = (await warp.certificates.GetTrustedAuthority(get)).authority
    passwords = {"password": PASSWORDS["keystore_password"], "private_key_password": PASSWORDS["private_key_password"]}
    key = x509_chain.key_pem(x509_chain.elliptic_key()).decode()
    store = {"certificate_pem": pem.decode(), "private_key_pem": key, **passwords}
    await warp.control.seed({"key_stores": {"client": store}})
    certificate = await warp.full("client")

    read = as_openssl_reads(pem)
    assert read["not_after"] == not_after
    assert as_the_gateway_says(returned) == as_the_gateway_says(certificate) == read
    assert (listed.not_before, listed.not_after) == (returned.not_before, returned.not_after)


ZONES = [
    ("Asia/Tokyo", "2030-01-01 08:59:59", "2029-12-31T23:59:59Z"),
    ("UTC", "2030-01-01 08:59:59", "2030-01-01T08:59:59Z"),
    ("Asia/Kolkata", "2030-01-01 00:00:00", "2029-12-31T18:30:00Z"),
    ("America/New_York", "2030-01-15 12:00:00", "2030-01-15T17:00:00Z"),
    ("America/New_York", "2030-07-15 12:00:00", "2030-07-15T16:00:00Z"),
    ("America/New_York", "2030-11-03 01:30:00", "2030-11-03T05:30:00Z"),
    ("America/New_York", "2030-03-10 02:30:00", "2030-03-10T07:30:00Z"),
    ("Pacific/Kiritimati", "9999-12-31 23:59:59", "9999-12-31T09:59:59Z"),
    ("America/New_York", "9999-12-31 23:59:59", "9999-12-31T23:59:59Z"),
]


@pytest.mark.parametrize(("zone", "text", "expected"), ZONES)
async def test_local_time_is_read_in_the_configured_time_zone(warp: Warp, zone: str, text: str, expected: str) -> None:
    name = {"CN": "canned"}
    canned = {"subject": name, "issuer": name, "notBefore": text, "notAfter": text}
    body: dict[str, Any] = {"result": {"status": "success", "data": {"certificate": canned}}}
    await warp.control.fail(mode="raw", path="/show$", body=json.dumps(body))
    settings = warp.stack.provider("asteria", timezone=zone)
    async with Gateway(warp.stack.settings(settings)) as gateway:
        other = Warp(warp.stack, gateway)
        found = await other.full("client")
    assert found.not_before.ToJsonString() == found.not_after.ToJsonString() == expected
    year, month, day = (int(part) for part in text[:10].split("-"))
    assert found.expiration_date == Date(year=year, month=month, day=day)
