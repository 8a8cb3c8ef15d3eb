"""TLS files in the configuration, created by openssl: accepted files, and errors that name only the key."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from gateway.config.base import ConfigError
from tests.support import openssl
from tests.support.configuration import SECRET, parse, problems, thing
from tests.support.openssl import KeyPair, OpensslAuthority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OpensslAuthority:
    return OpensslAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority: OpensslAuthority) -> KeyPair:
    return authority.issue("client")


def context(base: Path, **options: Any) -> ssl.SSLContext | None:
    return parse(thing(**options), base=base).providers[0].http().tls


def fault(base: Path, **options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        context(base, **options)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def file(path: Path) -> dict[str, str]:
    return {"file": str(path)}


class TestAuthorities:
    def test_no_settings_give_no_context(self, tmp_path: Path) -> None:
        assert context(tmp_path) is None

    def test_bundle_replaces_the_system_authorities(self, authority: OpensslAuthority, tmp_path: Path) -> None:
        other = OpensslAuthority(tmp_path / "other", "Other Authority")
        bundle = tmp_path / "bundle.pem"
        pems = [pair.certificate.read_bytes() for pair in (authority.pair, other.pair)]
        bundle.write_bytes("# 회사의 인증 기관\n".encode() + pems[0] + "# Főtanúsítvány\r\n".encode() + pems[1])
        made = context(tmp_path, ca_certificates=file(bundle))
        assert made is not None
        subjects = [str(found["subject"]) for found in made.get_ca_certs()]
        assert ["Test Authority" in subjects[0], "Other Authority" in subjects[1]] == [True, True]
        assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)

    @pytest.mark.parametrize("content", [b"", b"\n", b"# comment\n", SECRET.encode(), b"\x30\x82\x01\x00"])
    def test_bundle_without_certificates_is_rejected(self, content: bytes, tmp_path: Path) -> None:
        """An empty bundle must not fall back to the system authorities."""
        (tmp_path / "ca.pem").write_bytes(content)
        assert fault(tmp_path, ca_certificates={"file": "ca.pem"}) == (
            "provider one: ca_certificates: contains no PEM certificate"
        )

    def test_malformed_certificate_is_rejected(self, tmp_path: Path) -> None:
        text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        assert "ca_certificates" in fault(tmp_path, ca_certificates=text)


class TestClientCertificate:
    def test_pem_certificate_and_key_are_loaded(self, pair: KeyPair, tmp_path: Path) -> None:
        options = {"certificate": file(pair.certificate), "private_key": file(pair.key)}
        assert context(tmp_path, client_certificate=options) is not None

    def test_encrypted_key_is_loaded_with_its_password(self, pair: KeyPair, tmp_path: Path) -> None:
        key = openssl.encrypted_key(pair, SECRET, tmp_path / "encrypted.key")
        options = {"certificate": file(pair.certificate), "private_key": file(key)}
        assert context(tmp_path, client_certificate={**options, "password": SECRET}) is not None
        assert "client_certificate" in fault(tmp_path, client_certificate={**options, "password": f"not {SECRET}"})
        assert "client_certificate" in fault(tmp_path, client_certificate=options)

    @pytest.mark.parametrize("password", ["", SECRET, "비밀번호"])
    def test_pkcs12_file_is_loaded(self, password: str, pair: KeyPair, tmp_path: Path) -> None:
        store = openssl.pkcs12(pair, password, tmp_path / "store.p12")
        assert context(tmp_path, client_certificate={"pkcs12": file(store), "password": password}) is not None
        wrong = {"pkcs12": file(store), "password": f"not {SECRET}"}
        assert "client_certificate" in fault(tmp_path, client_certificate=wrong)

    def test_pkcs12_without_its_password_is_rejected(self, pair: KeyPair, tmp_path: Path) -> None:
        store = openssl.pkcs12(pair, SECRET, tmp_path / "store.p12")
        assert "client_certificate" in fault(tmp_path, client_certificate={"pkcs12": file(store)})

    def test_pkcs12_without_a_key_is_rejected(self, authority: OpensslAuthority, tmp_path: Path) -> None:
        store = tmp_path / "store.p12"
        arguments = ("pkcs12", "-export", "-nokeys", "-in", authority.pair.certificate, "-passout", "pass:", "-out")
        openssl.run(*arguments, store)
        assert "client_certificate" in fault(tmp_path, client_certificate={"pkcs12": file(store)})

    def test_key_of_another_certificate_is_rejected(
        self, authority: OpensslAuthority, pair: KeyPair, tmp_path: Path
    ) -> None:
        options = {"certificate": file(pair.certificate), "private_key": file(authority.issue("another").key)}
        assert "client_certificate" in fault(tmp_path, client_certificate=options)

    @pytest.mark.parametrize("content", [SECRET, ""])
    def test_file_that_is_not_pem_is_rejected(self, content: str, tmp_path: Path) -> None:
        options = {"certificate": content, "private_key": content}
        assert "client_certificate" in fault(tmp_path, client_certificate=options)
        assert "client_certificate" in fault(tmp_path, client_certificate={"pkcs12": content})

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"password": SECRET},
            {"certificate": SECRET},
            {"private_key": SECRET},
            {"certificate": SECRET, "pkcs12": SECRET},
            {"certificate": SECRET, "private_key": SECRET, "pkcs12": SECRET},
        ],
    )
    def test_incomplete_or_conflicting_settings_are_rejected(self, options: dict[str, str]) -> None:
        assert problems(thing(client_certificate=options)).keys() == {"providers[0].client_certificate"}
