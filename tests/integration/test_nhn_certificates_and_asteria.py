"""One openssl certificate at both vendors: the FULL view has the same fields and values.

The module lists the differences: ASTERIA returns no alternative names, file dates, or SHA-256 fingerprints, and orders
the chain differently.
"""

from collections.abc import AsyncIterator, Sequence

import pytest

from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as service
from tests.support.certificate_manager import certificate, register
from tests.support.certificates import IssuedLeaf, Pki, read_certificate
from tests.support.stack import CERTIFICATE_MANAGER, Gateway, Stack

NAME = "both.example.com"
WARP = "providers/asteria/certificates/client"
PASSWORD = "both-password"
FULL, BASIC = service.CERTIFICATE_VIEW_FULL, service.CERTIFICATE_VIEW_BASIC

ALIKE = (
    "authority", "signature_algorithm", "expiration_date", "state", "subject", "issuer", "not_before", "not_after",
    "version", "serial_number", "key_usage",
)  # fmt: skip
"""Fields with the same value at both vendors, set or not set. `fingerprints` is compared without SHA-256."""
ONLY_THERE = frozenset({"name", "display_name", "domains", "file_creation_date", "chain", "fingerprints"})

EVERY_PART = f"/C=KR/ST=서울특별시/L=중구/O=예시 주식회사, 본점/OU=보안/CN={NAME}"
SHAPES: dict[str, tuple[str, Sequence[str], bool]] = {
    "RSA for servers": (f"/C=KR/O=Example/CN={NAME}", ["keyUsage=critical,digitalSignature,keyEncipherment"], True),
    "elliptic": (f"/CN={NAME}", ["keyUsage=digitalSignature,keyAgreement,encipherOnly"], False),
    "every use": (
        f"/CN={NAME}",
        ["keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement,keyCertSign,cRLSign"],
        False,
    ),
    "any use": (f"/CN={NAME}", [], False),
    "every part of a name": (EVERY_PART, ["keyUsage=digitalSignature"], False),
    "alternative names": (f"/CN={NAME}", [f"subjectAltName=DNS:{NAME},DNS:*.example.com"], False),
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), "시험 인증 기관")


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """Yield a gateway with a Certificate Manager that accepts uploads, and an ASTERIA."""
    stack = seeded_stack
    providers = stack.provider("nhn-certs", api_version="v1.0"), stack.provider("asteria")
    async with Gateway(stack.settings(*providers)) as served:
        yield served


async def at_nhn(stack: Stack, gateway: Gateway, issued: IssuedLeaf) -> certificate_pb2.Certificate:
    """Return the certificate after an upload."""
    await register(stack.controls[CERTIFICATE_MANAGER], NAME)
    await gateway.certificates.UploadCertificate(
        service.UploadCertificateRequest(name=certificate(NAME), content=issued.file)
    )
    request = service.GetCertificateRequest(name=certificate(NAME), view=FULL)
    return (await gateway.certificates.GetCertificate(request)).certificate


async def at_asteria(gateway: Gateway, issued: IssuedLeaf) -> certificate_pb2.Certificate:
    """Return the certificate after an import."""
    request = service.ImportCertificateRequest(
        name=WARP,
        keystore=issued.pkcs12("file-password"),
        file_password="file-password",
        keystore_password=PASSWORD,
        private_key_password=PASSWORD,
        replace=True,
    )
    imported = (await gateway.certificates.ImportCertificate(request)).certificate
    stored = await read_from_asteria(gateway, FULL)
    assert imported == stored
    return stored


async def read_from_asteria(gateway: Gateway, view: service.CertificateView.ValueType) -> certificate_pb2.Certificate:
    """Return the certificate that ASTERIA returns for `show`."""
    request = service.GetCertificateRequest(name=WARP, view=view, keystore_password=PASSWORD)
    return (await gateway.certificates.GetCertificate(request)).certificate


def fields_of(message: certificate_pb2.Certificate) -> dict[str, object]:
    """Return the set fields by name."""
    return {field.name: value for field, value in message.ListFields()}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_full_view_has_the_same_fields_and_values_at_both_vendors(
    quiet_stack: Stack, gateway: Gateway, pki: Pki, shape: tuple[str, Sequence[str], bool]
) -> None:
    subject, extensions, rsa = shape
    issued = pki.issue("both", subject, *extensions, rsa=rsa)
    nhn, asteria = await at_nhn(quiet_stack, gateway, issued), await at_asteria(gateway, issued)

    assert {field.name for field in nhn.DESCRIPTOR.fields} == {*ALIKE, *ONLY_THERE, "unreadable_fields"}
    assert not [*nhn.unreadable_fields, *asteria.unreadable_fields]
    if not nhn.HasField("key_usage"):  # ASTERIA states that each use is false
        assert asteria.HasField("key_usage")
        asteria.ClearField("key_usage")
    for field in ALIKE:
        assert fields_of(asteria).get(field) == fields_of(nhn).get(field), field
    assert fields_of(asteria).keys() | {"domains", "file_creation_date"} == fields_of(nhn).keys()
    assert asteria.fingerprints == certificate_pb2.Fingerprints(sha1=nhn.fingerprints.sha1, md5=nhn.fingerprints.md5)
    expected = read_certificate(issued.chain)
    for field in (*ALIKE[4:], "signature_algorithm"):
        assert fields_of(asteria).get(field) == fields_of(expected).get(field), field
    assert asteria.authority == "시험 인증 기관"


async def test_basic_view_has_the_same_fields_at_both_vendors(quiet_stack: Stack, gateway: Gateway, pki: Pki) -> None:
    issued = pki.issue("both", EVERY_PART, "keyUsage=digitalSignature", rsa=False)
    await at_nhn(quiet_stack, gateway, issued)
    await at_asteria(gateway, issued)
    request = service.GetCertificateRequest(name=certificate(NAME), view=BASIC)
    nhn = fields_of((await gateway.certificates.GetCertificate(request)).certificate)
    asteria = fields_of(await read_from_asteria(gateway, BASIC))

    assert asteria.keys() | {"file_creation_date"} == nhn.keys()
    for field in ("authority", "signature_algorithm", "expiration_date", "state"):
        assert asteria[field] == nhn[field]
