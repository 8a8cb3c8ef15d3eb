"""The files of the agent, read by other programs, and the checks of certificates."""

import datetime as dt
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from keyway.agent.material import Material, MaterialError, certificates_of, check, key_of
from keyway.agent.outputs import OutputFile, OutputFormat, Part
from keyway.agent.versions import VersionedDirectory
from tests.support.authority import CertificateAndKey, CertificateAuthority
from tests.support.programs import program
from tests.support.x509_chain import key_pem

NOW = dt.datetime.now(dt.UTC)
PASSWORD = "changeit-알파"


@pytest.fixture
def authority() -> CertificateAuthority:
    return CertificateAuthority()


@pytest.fixture
def issued(authority: CertificateAuthority) -> CertificateAndKey:
    return authority.issue("www", hosts=["www.example.com", "*.example.org"], addresses=["192.0.2.1"])


@pytest.fixture
def material(authority: CertificateAuthority, issued: CertificateAndKey) -> Material:
    return Material((issued.certificate, authority.certificate), (), issued.key)


def output(file: str = "file", form: OutputFormat = OutputFormat.PEM, *parts: Part, **changes: Any) -> OutputFile:
    fields: dict[str, Any] = {"mode": 0o600, "owner": None, "group": None, "password_file": None, "alias": "www"}
    return OutputFile(file, form, parts, **{**fields, **changes})


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


def test_pem_file_has_the_parts_in_their_order(material: Material, issued: CertificateAndKey) -> None:
    found = output("f", OutputFormat.PEM, Part.CERTIFICATE, Part.CHAIN, Part.PRIVATE_KEY).content(material)
    assert found.startswith(issued.chain_pem)
    assert found.endswith(issued.key_pem)
    assert found.count(b"BEGIN CERTIFICATE") == 2


def test_key_store_contains_the_pair(material: Material, issued: CertificateAndKey, password_file: Path) -> None:
    data = output("f", OutputFormat.PKCS12, password_file=password_file).content(material)
    found = pkcs12.load_pkcs12(data, PASSWORD.encode())
    assert found.key is not None
    assert found.key.public_key() == issued.key.public_key()
    assert found.cert is not None
    assert (found.cert.certificate, found.cert.friendly_name) == (issued.certificate, b"www")
    assert [each.certificate for each in found.additional_certs] == [material.chain[1]]


def test_keytool_trusts_the_authorities_of_the_trust_store(material: Material, tmp_path: Path) -> None:
    password = tmp_path / "ascii-password"
    password.write_text("changeit")
    store = tmp_path / "trust.p12"
    store.write_bytes(output("f", OutputFormat.TRUST_STORE, password_file=password).content(material))
    listed = subprocess.run(
        (program("keytool"), "-list", "-keystore", store, "-storepass:file", password, "-storetype", "PKCS12"),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "www-1" in listed
    assert "trustedCertEntry" in listed


def test_trust_bundle_without_an_authority_is_an_error(issued: CertificateAndKey) -> None:
    with pytest.raises(MaterialError, match="no certificate for the trust bundle"):
        output("f", OutputFormat.PEM, Part.AUTHORITIES).content(Material((issued.certificate,)))


@pytest.mark.parametrize("host", ["www.example.com", "WWW.example.com", "a.example.org", "192.0.2.1"])
def test_host_names_of_the_certificate_are_accepted(material: Material, host: str) -> None:
    check(material, [host], NOW, needs_key=True)


@pytest.mark.parametrize("host", ["example.com", "a.b.example.org", "example.org", "192.0.2.2", "www"])
def test_other_host_names_are_rejected(material: Material, host: str) -> None:
    with pytest.raises(MaterialError, match=f"not valid for {host}; it is valid for www.example.com, "):
        check(material, [host], NOW, needs_key=True)


def test_pair_must_match(material: Material) -> None:
    other = Material(material.chain, (), ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(MaterialError, match="the private key does not belong to the certificate"):
        check(other, [], NOW, needs_key=True)


def test_encrypted_key_needs_its_password(issued: CertificateAndKey) -> None:
    pem = key_pem(issued.key, PrivateFormat.PKCS8, b"secret").decode()
    assert key_of(pem, b"secret").public_key() == issued.key.public_key()
    for password in (None, b"wrong"):
        with pytest.raises(MaterialError) as caught:
            key_of(pem, password)
        assert "wrong" not in str(caught.value).replace("is wrong", "")


def test_unencrypted_key_ignores_a_password(issued: CertificateAndKey) -> None:
    pem = key_pem(issued.key, PrivateFormat.PKCS8).decode()
    assert key_of(pem, b"secret").public_key() == issued.key.public_key()


def test_unreadable_certificate_names_the_resource() -> None:
    with pytest.raises(MaterialError, match="providers/p/certificates/c: a certificate is unreadable"):
        certificates_of(["nonsense"], "providers/p/certificates/c")


def test_repr_does_not_contain_the_key(material: Material) -> None:
    assert "key" not in repr(material).lower().replace("_public_key", "")


def test_version_is_the_public_content(material: Material, authority: CertificateAuthority) -> None:
    assert material.version == Material(material.chain).version
    assert material.version != Material(material.chain, (authority.certificate,)).version


def test_directory_keeps_two_versions(material: Material, tmp_path: Path) -> None:
    outputs = [output("key", OutputFormat.PEM, Part.PRIVATE_KEY), output("c", OutputFormat.PEM, Part.CERTIFICATE)]
    directory = VersionedDirectory(tmp_path / "www", "providers/p/certificates/c", outputs)
    names = []
    for seconds in range(4):
        names.append(directory.write(material, NOW + dt.timedelta(seconds=seconds)))
        directory.switch(names[-1])
    (tmp_path / "www" / "versions" / ".new-interrupted").mkdir()
    directory.prune()
    assert sorted(os.listdir(tmp_path / "www" / "versions")) == names[-2:]
    assert directory.current() == names[-1]
    found = directory.manifest()
    assert found is not None
    assert found.version == material.version


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change owners")
def test_owner_group_and_mode_are_set_again(material: Material, tmp_path: Path) -> None:
    outputs = [output("key", OutputFormat.PEM, Part.PRIVATE_KEY, mode=0o640, owner="65534", group="65533")]
    directory = VersionedDirectory(tmp_path / "www", "providers/p/certificates/c", outputs)
    directory.switch(directory.write(material, NOW))
    file = tmp_path / "www" / "current" / "key"

    def permissions() -> tuple[int, int, int]:
        found = file.stat()
        return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)

    assert permissions() == (65534, 65533, 0o640)
    os.chown(file, 0, 0)
    file.chmod(0o666)
    directory.apply_permissions()
    assert permissions() == (65534, 65533, 0o640)


def test_unknown_group_is_an_error_and_leaves_no_files(material: Material, tmp_path: Path) -> None:
    outputs = [output("key", OutputFormat.PEM, Part.PRIVATE_KEY, group="no-such-group")]
    directory = VersionedDirectory(tmp_path / "www", "providers/p/certificates/c", outputs)
    with pytest.raises(MaterialError, match="this machine has no group 'no-such-group'"):
        directory.write(material, NOW)
    assert os.listdir(tmp_path / "www" / "versions") == []


def test_removed_file_makes_the_version_incomplete(material: Material, tmp_path: Path) -> None:
    outputs = [output("c", OutputFormat.PEM, Part.CERTIFICATE)]
    directory = VersionedDirectory(tmp_path / "www", "providers/p/certificates/c", outputs)
    directory.switch(directory.write(material, NOW))
    (tmp_path / "www" / "current" / "c").unlink()
    assert directory.manifest() is None
