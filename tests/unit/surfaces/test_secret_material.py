"""Checks of a certificate before it is sent to a node, and the settings of the service."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from gateway import gateway_settings
from gateway.config.base import ConfigError
from gateway.surfaces.sds.envoy_messages import Secret
from gateway.surfaces.sds.material import UnsendableError, certificate_material, trust_bundle_material
from gateway.surfaces.sds.names import SecretNames, SecretResource
from tests.support.authority import CertificateAuthority
from tests.support.configuration import TYPES

AUTHORITY = CertificateAuthority("Issuer")
LEAF = AUTHORITY.issue(hosts=["www.example.com"])
CHAIN = [LEAF.chain_pem.decode(), AUTHORITY.pem.decode()]
KEY = LEAF.key_pem.decode()


def test_version_is_the_hash_of_the_certificates() -> None:
    der = LEAF.certificate.public_bytes(Encoding.DER) + AUTHORITY.certificate.public_bytes(Encoding.DER)
    assert certificate_material(CHAIN, KEY).version == hashlib.sha256(der).hexdigest()


def test_secret_has_the_requested_name_and_its_representation_no_key() -> None:
    material = certificate_material(CHAIN, KEY)
    secret = Secret.FromString(material.serialized("www"))
    assert secret.name == "www"
    assert secret.tls_certificate.private_key.inline_bytes == LEAF.key_pem
    assert KEY.splitlines()[1] not in repr(material)


def encrypted() -> str:
    protection = BestAvailableEncryption(b"password")
    return LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection).decode()


@pytest.mark.parametrize(
    ("chain", "key", "problem"),
    [
        ([], KEY, "no certificate"),
        (CHAIN, "", "no private key"),
        (CHAIN, encrypted(), "encrypted"),
        (CHAIN, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be parsed"),
        (CHAIN, AUTHORITY.issue(hosts=["a.example.com"]).key_pem.decode(), "does not belong to the certificate"),
        ([CHAIN[0], CertificateAuthority("Other").pem.decode()], KEY, "not issued by the next one"),
        (["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"], KEY, "cannot be parsed"),
    ],
    ids=["no certificate", "no key", "encrypted", "broken key", "other key", "other issuer", "broken certificate"],
)
def test_material_that_does_not_belong_together_is_not_sent(chain: list[str], key: str, problem: str) -> None:
    with pytest.raises(UnsendableError, match=problem) as caught:
        certificate_material(chain, key)
    assert "AAAA" not in str(caught.value)


def test_trust_bundle_does_not_depend_on_the_order() -> None:
    other = CertificateAuthority("Other").pem.decode()
    first, second = trust_bundle_material([CHAIN[1], other]), trust_bundle_material([other, CHAIN[1], other])
    assert first == second
    secret = Secret.FromString(first.serialized("authorities"))
    assert secret.validation_context.trusted_ca.inline_bytes == first.certificates


def test_names_are_resource_names_or_aliases() -> None:
    names = SecretNames({"www": "providers/p/certificates/c", "ca": "providers/p/trustStores/server"})
    assert names.resolve("www") == SecretResource("keyway.dev/Certificate", "providers/p/certificates/c")
    assert names.resolve("ca") == SecretResource("keyway.dev/TrustStore", "providers/p/trustStores/server")
    assert names.resolve("providers/p/certificates/d") is not None
    assert [names.resolve(name) for name in ("c", "*", "", "providers/p/keys/k")] == [None] * 4


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"listen": "0.0.0.0:50053"}, "must be a loopback address"),
        ({"listen": "50053"}, "must be HOST:PORT"),
        ({"listen": "127.0.0.1:0", "aliases": {"www": "providers/p/keys/k"}}, "alias 'www': must be the full name"),
        ({"listen": "127.0.0.1:0", "trust_stores": {"ca": {"certificates_file": "ca.pem"}}}, "full names of trust"),
        ({"listen": "127.0.0.1:0", "maximum_secrets_per_stream": 0}, "at least 1"),
    ],
)
def test_invalid_settings_are_rejected_with_their_place(settings: Mapping[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=f"envoy_sds.*{problem}"):
        gateway_settings.parse({"envoy_sds": settings}, TYPES)
