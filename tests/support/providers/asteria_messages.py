"""Requests for the tests of the ASTERIA adapter, and the responses that belong to the vendor's samples."""

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import trusted_authority_pb2 as trust
from tests.support.providers.asteria_samples import PASSWORD, SERVER_STORE

SUBJECT = certificates.DistinguishedName(
    country="JP",
    state="StateName",
    locality="LocalityName",
    organization="OrganizationName",
    organizational_unit="UnitName",
    common_name="subject",
    text="CN=subject,OU=UnitName,O=OrganizationName,L=LocalityName,ST=StateName,C=JP",
)
ISSUER = certificates.DistinguishedName(
    country="JP",
    state="CaState",
    locality="CaCity",
    organization="CaOrg",
    organizational_unit="CaUnit",
    common_name="CA",
    text="CN=CA,OU=CaUnit,O=CaOrg,L=CaCity,ST=CaState,C=JP",
)
USAGE = certificates.KeyUsage(digital_signature=True, key_agreement=True, encipher_only=True)
FINGERPRINTS = certificates.Fingerprints(
    sha1="c0:a3:ce:70:bb:a8:8a:94:d4:37:d7:75:3f:4b:7b:8d:d1:f7:d5:59",
    md5="c8:30:64:3c:df:48:83:3c:15:fb:a0:04:6a:9c:61:61",
)


def moment(text: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromJsonString(text)
    return stamp


def full(name: str) -> certificates.Certificate:
    return certificates.Certificate(
        name=name,
        display_name=name.rpartition("/")[2],
        authority="CaOrg",
        signature_algorithm="SHA1withRSA",
        expiration_date=Date(year=2013, month=4, day=13),
        state=certificates.CERTIFICATE_STATE_ACTIVE,
        subject=SUBJECT,
        issuer=ISSUER,
        not_before=moment("2013-01-13T00:56:53Z"),
        not_after=moment("2013-04-13T00:56:53Z"),
        version="1",
        serial_number="1378947413351",
        key_usage=USAGE,
        fingerprints=FINGERPRINTS,
        chain=[ISSUER.text, ISSUER.text],
    )


CERTUM_AUTHORITY = trust.TrustedAuthority(
    name=f"{SERVER_STORE}/authorities/b6307f15-1c1d-48ff-a49c-e0c0b5709a5c0",
    alias="b6307f15-1c1d-48ff-a49c-e0c0b5709a5c0",
    subject=certificates.DistinguishedName(
        country="PL",
        organization="Unizeto Sp. z o.o.",
        common_name="Certum CA",
        text="CN=Certum CA,O=Unizeto Sp. z o.o.,C=PL",
    ),
    issuer=certificates.DistinguishedName(
        country="PL",
        organization="Unizeto Sp. z o.o.",
        common_name="Certum CA",
        text="CN=Certum CA,O=Unizeto Sp. z o.o.,C=PL",
    ),
    not_before=moment("2002-06-11T10:46:39Z"),
    not_after=moment("2027-06-11T10:46:39Z"),
)


def create_request(**changes: object) -> service.CreateCertificateRequest:
    values: dict[str, object] = {
        "parent": "providers/asteria",
        "certificate_id": "server",
        "subject": certificates.DistinguishedName(common_name='한글 "é"', text="CN=ignored"),
        "keystore_password": PASSWORD,
        "private_key_password": "987654",
    }
    return service.CreateCertificateRequest(**{**values, **changes})  # type: ignore[arg-type] # as given by tests
