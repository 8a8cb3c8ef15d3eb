"""Single certificates of Certificate Manager: BASIC equals the list of the upstream, FULL the output of openssl."""

import datetime as dt
from collections.abc import AsyncIterator, Collection
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from google.type import date_pb2

from gateway.providers.base import expiry
from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as service
from tests.support.certificate_manager import DirectCertificateUser, certificate, register
from tests.support.certificates import Pki, read_certificate, split
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack
from tests.support.wire import WireResource, failure_of

BASIC, FULL = service.CERTIFICATE_VIEW_BASIC, service.CERTIFICATE_VIEW_FULL
ACTIVE, EXPIRED = certificate_pb2.CERTIFICATE_STATE_ACTIVE, certificate_pb2.CERTIFICATE_STATE_EXPIRED
SEOUL = ZoneInfo("Asia/Seoul")

WITH_ONE_FILE = (
    "www.example.com",
    "*.example.com",
    "인증서-예시",
    "ec.example.com",
    "pkcs8.example.com",
    "encrypted.example.com",
    "expired.example.com",
    "expiring.example.com",
)
FROM_THE_LIST = frozenset({"name", "display_name", "authority", "file_creation_date", "expiration_date", "state"})
FROM_BOTH = frozenset({"domains", "signature_algorithm"})

ODD: Final = {
    "every use": ("/CN=odd.example.com", "keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,"
                  "keyAgreement,keyCertSign,cRLSign,encipherOnly,decipherOnly"),
    "encipher only": ("/CN=odd.example.com", "keyUsage=critical,keyAgreement,encipherOnly"),
    "no use": ("/CN=odd.example.com",),
    "many names": ("/CN=odd.example.com", "subjectAltName=DNS:b.example.com,DNS:*.a.example.com,IP:192.0.2.1,DNS:c.kr"),
    "addresses alone": ("/CN=odd.example.com", "subjectAltName=IP:192.0.2.1,email:a@example.com"),
    "every part": ("/C=KR/ST=서울특별시/L=중구/O=예시 주식회사/OU=보안/CN=odd.example.com",),
    "two units": ("/O=Example/OU=First/OU=Second/CN=odd.example.com",),
    "what has to be escaped": (r"/O=Keyway\, Inc. \+ \"Co\"\\ <x>; #1/OU= spaced /CN=#odd",),
    "an address of mail": ("/CN=odd.example.com/emailAddress=a@example.com",),
    "parts of an organization": ("/serialNumber=123/businessCategory=Private/CN=odd.example.com",),
}  # fmt: skip


async def got(
    gateway: Gateway, name: str, view: service.CertificateView.ValueType = FULL
) -> certificate_pb2.Certificate:
    """Return the certificate."""
    request = service.GetCertificateRequest(name=certificate(name), view=view)
    return (await gateway.certificates.GetCertificate(request)).certificate


def only(message: certificate_pb2.Certificate, fields: Collection[str]) -> certificate_pb2.Certificate:
    """Return the certificate with only these fields."""
    return certificate_pb2.Certificate(
        **{field.name: value for field, value in message.ListFields() if field.name in fields}
    )


def by_file(message: certificate_pb2.Certificate) -> certificate_pb2.Certificate:
    """Return the certificate with only the fields that come from its file."""
    return only(message, {field.name for field in message.DESCRIPTOR.fields} - FROM_THE_LIST)


def date(text: str) -> date_pb2.Date:
    """Return a date in the format of the upstream."""
    year, month, day = map(int, text.split("-"))
    return date_pb2.Date(year=year, month=month, day=day)


@pytest.mark.parametrize("name", WITH_ONE_FILE)
async def test_full_view_equals_the_output_of_openssl(quiet_stack: Stack, name: str) -> None:
    file = await DirectCertificateUser(quiet_stack).file(name)

    assert by_file(await got(quiet_stack.gateway, name)) == read_certificate(split(file))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_full_view_of_an_unusual_certificate_equals_the_output_of_openssl(
    quiet_stack: Stack, pki: Pki, odd: tuple[str, ...]
) -> None:
    issued = pki.issue("odd", *odd, rsa=False)
    await register(quiet_stack.controls[CERTIFICATE_MANAGER], "odd.example.com", issued.file)

    assert by_file(await got(quiet_stack.gateway, "odd.example.com")) == read_certificate(issued.chain)


@pytest.mark.parametrize("serial", ["1", "0x00ff", "0x7fffffffffffffffffffffffffffffffffffffff"])
async def test_serial_number_of_any_length_is_decimal(quiet_stack: Stack, pki: Pki, serial: str) -> None:
    issued = pki.issue("serial", "/CN=serial.example.com", options=("-set_serial", serial), rsa=False)
    await register(quiet_stack.controls[CERTIFICATE_MANAGER], "serial.example.com", issued.file)

    assert (await got(quiet_stack.gateway, "serial.example.com")).serial_number == str(int(serial, 0))


async def test_file_in_a_different_order_is_read_leaf_first(quiet_stack: Stack, pki: Pki) -> None:
    issued = pki.issue("mixed", "/CN=mixed.example.com", rsa=False)
    leaf, authority, root = issued.chain
    mixed = root + issued.key.read_bytes() + leaf + authority
    await register(
        quiet_stack.controls[CERTIFICATE_MANAGER], "mixed.example.com", mixed, expiration_date=dt.date(2099, 1, 1)
    )

    basic, full = [await got(quiet_stack.gateway, "mixed.example.com", view) for view in (BASIC, FULL)]
    assert (basic.authority, full.authority) == ("", "Test Trust")
    assert by_file(full) == read_certificate(issued.chain)
    assert full.expiration_date == date_pb2.Date(year=2099, month=1, day=1)


async def test_both_views_agree_with_the_list_of_the_upstream(quiet_stack: Stack) -> None:
    rows = {row["certificateName"]: row for row in await DirectCertificateUser(quiet_stack).list()}
    assert rows.keys() > set(WITH_ONE_FILE)
    for name, row in rows.items():
        basic = await got(quiet_stack.gateway, name, BASIC)
        assert basic == certificate_pb2.Certificate(
            name=certificate(name),
            display_name=name,
            authority=row["authority"] or "",
            domains=row["domains"],
            signature_algorithm=row["signatureAlgorithm"] or "",
            file_creation_date=date(row["fileCreationDate"]) if row["fileCreationDate"] else None,
            expiration_date=date(row["expirationDate"]) if row["expirationDate"] else None,
            state=basic.state,
        )
        if name in WITH_ONE_FILE:
            full = await got(quiet_stack.gateway, name)
            assert only(full, FROM_THE_LIST | FROM_BOTH) == basic


async def test_basic_view_requests_the_list_and_full_view_also_the_file(quiet_stack: Stack) -> None:
    await got(quiet_stack.gateway, "인증서-예시", service.CERTIFICATE_VIEW_UNSPECIFIED)
    await got(quiet_stack.gateway, "인증서-예시", FULL)

    base = "/certmanager/v1.2/appkeys/certmanager-demo/certificates"
    listing = f"{base}?pageSize=1000&pageNum=1&all=false&status=ALL"
    file = f"{base}/%EC%9D%B8%EC%A6%9D%EC%84%9C-%EC%98%88%EC%8B%9C/files"
    requests = await quiet_stack.controls[CERTIFICATE_MANAGER].requests()
    assert [request["target"] for request in requests] == [listing, listing, file]


@pytest.mark.parametrize("name", ["www.example.com", "*.example.com", "인증서-예시", "expired.example.com"])
async def test_check_finds_an_existing_certificate(quiet_stack: Stack, name: str) -> None:
    request = service.CheckCertificateRequest(name=certificate(name))

    assert (await quiet_stack.gateway.certificates.CheckCertificate(request)).exists


@pytest.mark.parametrize("name", ["none.example.com", "WWW.example.com", "www.example.com ", "%2A.example.com", "*"])
async def test_unknown_certificate_is_a_result_of_check_and_not_found_for_get(quiet_stack: Stack, name: str) -> None:
    stub = quiet_stack.gateway.certificates
    assert not (await stub.CheckCertificate(service.CheckCertificateRequest(name=certificate(name)))).exists
    for view in (BASIC, FULL):
        failure = await failure_of(got(quiet_stack.gateway, name, view))
        assert failure.kind == ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")
        assert failure.resource == WireResource("keyway.dev/Certificate", certificate(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no-file.example.com", ("NOT_FOUND", "CERTIFICATE_FILE_NOT_FOUND")),
        ("two-files.example.com", ("FAILED_PRECONDITION", "MULTIPLE_CERTIFICATE_FILES")),
        ("broken-file.example.com", ("INTERNAL", "MALFORMED_PROVIDER_RESPONSE")),
    ],
)
async def test_certificate_without_one_readable_file_has_only_the_basic_view(
    quiet_stack: Stack, name: str, expected: tuple[str, str]
) -> None:
    assert (await got(quiet_stack.gateway, name, BASIC)).display_name == name
    assert (await failure_of(got(quiet_stack.gateway, name, FULL))).kind == expected


async def test_no_view_contains_the_private_key(quiet_stack: Stack) -> None:
    file = await DirectCertificateUser(quiet_stack).file("www.example.com")
    key_lines = file[file.index(b"-----BEGIN RSA PRIVATE KEY-----") :].splitlines()[1:-1]
    answer = (await got(quiet_stack.gateway, "www.example.com", FULL)).SerializeToString()

    assert len(key_lines) > 10
    assert not any(line in answer for line in key_lines)


class Clock:
    """A replacement for `datetime` with a fixed current time."""

    def __init__(self, moment: dt.datetime) -> None:
        self.moment = moment

    def now(self, timezone: dt.tzinfo) -> dt.datetime:
        return self.moment.astimezone(timezone)


LAST_DAY = dt.date(2031, 5, 17)
MIDNIGHT = dt.datetime(2031, 5, 18, tzinfo=SEOUL)


@pytest.fixture
async def aging(quiet_stack: Stack) -> AsyncIterator[Stack]:
    """Yield the stack with a certificate that is last valid on LAST_DAY. The emulator clock is corrected afterwards."""
    control = quiet_stack.controls[CERTIFICATE_MANAGER]
    await register(control, "aging.example.com", app_key="aging", expiration_date=LAST_DAY)
    yield quiet_stack
    await control.advance(0)


@pytest.mark.parametrize(
    ("since_midnight", "state", "listed_under"),
    [
        (-60, ACTIVE, service.CERTIFICATE_STATE_FILTER_UNEXPIRED),
        (0, EXPIRED, service.CERTIFICATE_STATE_FILTER_EXPIRED),
        (60, EXPIRED, service.CERTIFICATE_STATE_FILTER_EXPIRED),
    ],
    ids=["a minute before midnight", "at midnight", "a minute after midnight"],
)
async def test_certificate_expires_at_the_end_of_its_last_day_in_seoul(
    aging: Stack,
    monkeypatch: pytest.MonkeyPatch,
    since_midnight: int,
    state: certificate_pb2.CertificateState.ValueType,
    listed_under: service.CertificateStateFilter.ValueType,
) -> None:
    now = MIDNIGHT + dt.timedelta(seconds=since_midnight)
    monkeypatch.setattr(expiry, "datetime", Clock(now))
    await aging.controls[CERTIFICATE_MANAGER].advance((now - dt.datetime.now(dt.UTC)).total_seconds())
    listed = {}
    async with Gateway(aging.settings(aging.provider("nhn-certs", app_key="aging"))) as gateway:
        for state_filter in (
            service.CERTIFICATE_STATE_FILTER_UNEXPIRED,
            service.CERTIFICATE_STATE_FILTER_EXPIRED,
            service.CERTIFICATE_STATE_FILTER_ALL,
        ):
            request = service.ListCertificatesRequest(parent="providers/nhn-certs", state=state_filter)
            listed[state_filter] = list((await gateway.certificates.ListCertificates(request)).certificates)
        certificate = await got(gateway, "aging.example.com", BASIC)

    assert certificate.state == state
    assert certificate.expiration_date == date(LAST_DAY.isoformat())
    assert [row.state for row in listed[service.CERTIFICATE_STATE_FILTER_ALL]] == [state]
    assert [found for found, rows in listed.items() if rows] == [listed_under, service.CERTIFICATE_STATE_FILTER_ALL]


async def test_time_zone_of_the_provider_determines_the_date(aging: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "datetime", Clock(MIDNIGHT))
    states = []
    for timezone in ("Asia/Seoul", "Asia/Bangkok"):
        provider = aging.provider("nhn-certs", app_key="aging", timezone=timezone)
        async with Gateway(aging.settings(provider)) as gateway:
            states.append((await got(gateway, "aging.example.com", BASIC)).state)

    assert states == [EXPIRED, ACTIVE]
