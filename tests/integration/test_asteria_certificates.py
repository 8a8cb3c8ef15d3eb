"""The two certificates of ASTERIA over gRPC: listing, showing, creating, and deleting certificates."""

from typing import Any

import pytest

from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from tests.support import openssl, x509_chain
from tests.support.asteria import (
    BASE,
    PASSWORDS,
    PROVIDER,
    SEEDED,
    SIDES,
    STORE_PASSWORD,
    SUBJECT,
    Warp,
    as_openssl_reads,
    as_the_gateway_says,
    certificate_name,
    create_request,
)
from tests.support.wire import WireResource, failure_of

EXPIRED = service.CERTIFICATE_STATE_FILTER_EXPIRED
FILTERS = service.CertificateStateFilter.values()


async def listed(warp: Warp, state: int = 0, **options: Any) -> service.ListCertificatesResponse:
    request = service.ListCertificatesRequest(parent=PROVIDER, **options)
    request.state = state  # type: ignore[assignment] # a value of the enumeration
    response: service.ListCertificatesResponse = await warp.certificates.ListCertificates(request)
    return response


@pytest.mark.parametrize("state", FILTERS)
async def test_existing_certificates_are_listed_by_every_filter_except_expired(warp: Warp, state: int) -> None:
    for existing in (["server"], ["server", "client"], ["client"], []):
        if "client" in existing and not await warp.exists("client"):
            await warp.certificates.CreateCertificate(create_request("client"))
        if "server" not in existing and await warp.exists("server"):
            await warp.certificates.DeleteCertificate(
                service.DeleteCertificateRequest(name=certificate_name("server"), **SEEDED)
            )
        if not existing:
            await warp.certificates.DeleteCertificate(
                service.DeleteCertificateRequest(name=certificate_name("client"), **STORE_PASSWORD)
            )
        answer = await listed(warp, state)
        expected = [] if state == EXPIRED else existing
        assert list(answer.certificates) == [
            certificates.Certificate(name=certificate_name(side), display_name=side) for side in expected
        ]
        assert (answer.total_size, answer.next_page_token) == (len(expected), "")


async def test_list_is_paged(warp: Warp) -> None:
    await warp.certificates.CreateCertificate(create_request("client"))
    first = await listed(warp, page_size=1)
    second = await listed(warp, page_size=1, page_token=first.next_page_token)
    assert [page.certificates[0].display_name for page in (first, second)] == ["server", "client"]
    assert (first.total_size, second.total_size, second.next_page_token) == (2, 2, "")


async def test_basic_view_has_the_fields_up_to_the_state(warp: Warp) -> None:
    request = service.GetCertificateRequest(name=certificate_name("server"), **SEEDED)
    basic = (await warp.certificates.GetCertificate(request)).certificate
    full = await warp.full("server", SEEDED["keystore_password"])
    assert {field.name for field, _ in full.ListFields()} > {field.name for field, _ in basic.ListFields()}
    for field, _ in full.ListFields():
        if field.number > full.DESCRIPTOR.fields_by_name["state"].number:
            full.ClearField(field.name)  # type: ignore[arg-type] # one of the message's own names
    assert basic == full
    assert basic.signature_algorithm
    assert basic.HasField("expiration_date")
    assert basic.state == certificates.CERTIFICATE_STATE_ACTIVE


async def test_expired_certificate_has_the_state_expired_if_the_password_is_given(warp: Warp) -> None:
    past = x509_chain.NOT_BEFORE.replace(month=6)
    expired = x509_chain.self_signed(x509_chain.Wanted(x509_chain.name("old.example.com"), not_after=past))
    pem = {
        "certificate_pem": x509_chain.pem(expired).decode(),
        "private_key_pem": x509_chain.key_pem(x509_chain.elliptic_key()).decode(),
    }
    passwords = {"password": PASSWORDS["keystore_password"], "private_key_password": PASSWORDS["private_key_password"]}
    await warp.control.seed({"key_stores": {"client": {**pem, **passwords}}})
    found = await warp.full("client")
    assert found.state == certificates.CERTIFICATE_STATE_EXPIRED
    assert as_the_gateway_says(found) == as_openssl_reads(x509_chain.pem(expired))
    assert [each.display_name for each in (await listed(warp)).certificates] == ["server", "client"]


@pytest.mark.parametrize("side", [*SIDES, "Server", "other", "server "])
async def test_check_needs_no_password_and_accepts_two_names(warp: Warp, side: str) -> None:
    assert await warp.exists(side) is (side == "server")
    requested = [f"GET {BASE}/{side}/exist"] if side in SIDES else []
    assert await warp.calls() == requested


KINDS = {
    "defaults": ({"key_algorithm": "", "key_size": 0, "signature_algorithm": ""}, "SHA256withRSA", 2048),
    "RSA 3072": ({"key_algorithm": "RSA", "key_size": 3072, "signature_algorithm": "SHA384withRSA"}, None, 3072),
    "the document's sample": (
        {"key_algorithm": "RSA", "key_size": 1024, "signature_algorithm": "md5WithRSAEncryption"},
        "MD5withRSA",
        1024,
    ),
    "EC 256": ({}, "SHA256withECDSA", 256),
    "EC 384": ({"key_size": 384, "signature_algorithm": "SHA384withECDSA"}, None, 384),
    "EC 521": ({"key_size": 521, "signature_algorithm": "SHA512withECDSA"}, None, 521),
    "DSA": ({"key_algorithm": "DSA", "key_size": 1024, "signature_algorithm": "SHA1withDSA"}, None, 1024),
}


@pytest.mark.parametrize(("requested", "expected_algorithm", "bits"), KINDS.values(), ids=KINDS)
async def test_certificate_of_every_kind_can_be_created(
    warp: Warp, requested: dict[str, Any], expected_algorithm: str | None, bits: int
) -> None:
    created = (await warp.certificates.CreateCertificate(create_request(**requested))).certificate
    assert created.signature_algorithm == (expected_algorithm or requested["signature_algorithm"])
    downloaded = await warp.download("client")
    assert as_the_gateway_says(created) == as_openssl_reads(downloaded.content)
    text = openssl.run("x509", "-noout", "-text", data=downloaded.content).decode()
    assert f"Public-Key: ({bits} bit)" in text
    csr = (await warp.signing_request("client")).csr_pem.encode()
    openssl.run("req", "-verify", "-noout", data=csr)
    assert openssl.run("req", "-noout", "-pubkey", data=csr) == openssl.run(
        "x509", "-noout", "-pubkey", data=downloaded.content
    )


@pytest.mark.parametrize(("requested", "days"), [(0, 365), (1, 1), (36_500, 36_500)])
async def test_certificate_is_valid_for_the_requested_days(warp: Warp, requested: int, days: int) -> None:
    created = (await warp.certificates.CreateCertificate(create_request(validity_days=requested))).certificate
    assert created.not_after.ToSeconds() - created.not_before.ToSeconds() == days * 86_400


PARTS = ("country", "state", "locality", "organization", "organizational_unit")


@pytest.mark.parametrize("left_out", [*PARTS, PARTS], ids=lambda value: value if isinstance(value, str) else "all")
async def test_subject_fields_are_optional(warp: Warp, left_out: str | tuple[str, ...]) -> None:
    subject = certificates.DistinguishedName()
    subject.CopyFrom(SUBJECT)
    for part in [left_out] if isinstance(left_out, str) else left_out:
        subject.ClearField(part)  # type: ignore[arg-type] # one of the names above
    created = (await warp.certificates.CreateCertificate(create_request(subject=subject))).certificate
    assert created.subject.text == as_openssl_reads((await warp.download("client")).content)["subject"]
    created.subject.ClearField("text")
    assert created.subject == subject


@pytest.mark.parametrize("side", SIDES)
async def test_certificate_is_replaced_only_on_request(warp: Warp, side: str) -> None:
    await warp.certificates.CreateCertificate(create_request(side, replace=True))
    before = await warp.full(side)
    failure = await failure_of(warp.certificates.CreateCertificate(create_request(side)))
    assert failure.kind == ("ALREADY_EXISTS", "CERTIFICATE_ALREADY_EXISTS")
    assert failure.resource == WireResource("keyway.dev/Certificate", certificate_name(side))
    assert await warp.full(side) == before

    new = {"keystore_password": "a new password", "private_key_password": "another one"}
    replaced = (await warp.certificates.CreateCertificate(create_request(side, replace=True, **new))).certificate
    assert replaced.fingerprints != before.fingerprints
    assert (await failure_of(warp.full(side))).kind == ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT")
    assert await warp.full(side, "a new password") == replaced


@pytest.mark.parametrize(
    "requested",
    [{"key_algorithm": "ElGamal"}, {"key_size": 257}, {"signature_algorithm": "SHA256withRSA"}],
    ids=lambda requested: next(iter(requested)),
)
async def test_unsupported_value_is_an_invalid_parameter(warp: Warp, requested: dict[str, Any]) -> None:
    failure = await failure_of(warp.certificates.CreateCertificate(create_request(**requested)))
    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_PARAMETER")
    assert not await warp.exists("client")


FAULTS: list[dict[str, Any]] = [
    {"code": "5304"},
    {"mode": "html"},
    {"mode": "close"},
    {"mode": "cut_off"},
    {"mode": "raw", "body": "{}"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.get("mode", "error"))
async def test_created_certificate_that_cannot_be_shown_has_only_name_and_subject(
    warp: Warp, fault: dict[str, Any]
) -> None:
    await warp.control.fail(path="/show$", **fault)
    subject = certificates.DistinguishedName(text="CN=ignored")
    subject.MergeFrom(SUBJECT)
    created = (await warp.certificates.CreateCertificate(create_request(subject=subject))).certificate
    wanted = certificates.DistinguishedName()
    wanted.CopyFrom(SUBJECT)
    assert created == certificates.Certificate(name=certificate_name("client"), subject=wanted)
    certificate = await warp.full("client")
    assert certificate.subject.common_name == SUBJECT.common_name


@pytest.mark.parametrize("side", SIDES)
async def test_wrong_password_deletes_nothing(warp: Warp, side: str) -> None:
    await warp.certificates.CreateCertificate(create_request(side, replace=True))
    request = service.DeleteCertificateRequest(name=certificate_name(side), keystore_password="wrong-secret")
    failure = await failure_of(warp.certificates.DeleteCertificate(request))
    assert failure.kind == ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT")
    assert await warp.exists(side)
