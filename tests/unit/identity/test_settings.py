"""The section `identity`: valid settings, and problems that name their key."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config.base import ConfigError
from gateway.identity.settings import ALGORITHMS, IdentitySettings, JwtSettings
from gateway.server.authenticators import CertificateAuthenticator, TokenAuthenticator, authenticator
from tests.support.authority import CertificateAuthority, TokenIssuer

OWN = {"certificate_file": "server.pem", "private_key_file": "server.key"}
MTLS = {"trust_bundle_file": "ca.pem"}
JWT = {"issuer": "https://issuer.test", "audience": "keyway", "jwks_file": "jwks.json"}
BY_URL = {"issuer": "https://issuer.test", "audience": "keyway", "jwks_url": "https://issuer.test/jwks"}


def parse(base: Path = Path("/etc/keyway"), **options: Any) -> IdentitySettings:
    return IdentitySettings.model_validate({**OWN, **options}, context={"base": base})


def places(**options: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        parse(**options)
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors(include_url=False)}


def test_mtls_section_is_accepted() -> None:
    settings = parse(mtls=MTLS)
    assert settings.mtls is not None
    assert settings.certificate_file == Path("/etc/keyway/server.pem")
    assert settings.mtls.trust_bundle_file == Path("/etc/keyway/ca.pem")
    assert isinstance(authenticator(settings), CertificateAuthenticator)


def test_jwt_section_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(TokenIssuer().jwks())
    settings = parse(tmp_path, jwt=JWT)
    jwt = settings.jwt
    assert jwt is not None
    assert (jwt.audience, jwt.algorithms, jwt.leeway) == (("keyway",), ALGORITHMS, 30)
    assert isinstance(authenticator(settings), TokenAuthenticator)
    assert JwtSettings.model_validate({**BY_URL, "audience": ["a", "b"]}).audience == ("a", "b")
    assert JwtSettings.model_validate({**BY_URL, "algorithms": "ES256"}).algorithms == ("ES256",)


@pytest.mark.parametrize("options", [{}, {"mtls": MTLS, "jwt": JWT}])
def test_exactly_one_of_mtls_and_jwt_is_required(options: dict[str, Any]) -> None:
    assert places(**options) == {"": "Value error, set exactly one of mtls and jwt"}


@pytest.mark.parametrize(
    ("jwt", "key"),
    [
        ({**JWT, "jwks_url": BY_URL["jwks_url"]}, "jwt"),
        ({"issuer": "i", "audience": "a"}, "jwt"),
        ({**JWT, "jwks_ca_certificates": "x"}, "jwt"),
        ({**JWT, "issuer": ""}, "jwt.issuer"),
        ({**JWT, "audience": []}, "jwt.audience"),
        ({**JWT, "audience": [""]}, "jwt.audience.0"),
        ({**JWT, "algorithms": []}, "jwt.algorithms"),
        ({**JWT, "algorithms": ["HS256"]}, "jwt.algorithms.0"),
        ({**JWT, "algorithms": ["none"]}, "jwt.algorithms.0"),
        ({**JWT, "leeway": -1}, "jwt.leeway"),
        ({**JWT, "leeway": 3600}, "jwt.leeway"),
        ({**BY_URL, "jwks_maximum_age": 0}, "jwt.jwks_maximum_age"),
        ({**JWT, "secret": "x"}, "jwt.secret"),
        ({**JWT, "jwks_file": "{\n}"}, "jwt.jwks_file"),
    ],
)
def test_invalid_jwt_settings_are_reported_at_their_key(jwt: dict[str, Any], key: str) -> None:
    assert list(places(jwt=jwt)) == [key]


@pytest.mark.parametrize(
    "url",
    [
        "https://issuer.test/keys?p=1",
        "https://[::1]:8443/",
        "http://127.0.0.1:8080/jwks",
        "http://localhost/",
        "http://[::1]/",
    ],
)
def test_safe_jwks_url_is_accepted(url: str) -> None:
    assert JwtSettings.model_validate({**BY_URL, "jwks_url": url}).jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://issuer.test/", "http://127.0.0.1.issuer.test/", "http://127.0.0.1@issuer.test/", "ftp://localhost/"),
        *("https://user:password@issuer.test/", "https://", "https:///jwks", "https://a b/", "https://issuer.test/#x"),
        *("https://issuer.test:0/", "https://issuer.test:99999/", "file:///etc/jwks", "", "https://인증/"),
        *("http://localhost\\@issuer.test/", "https://issuer.test/\n"),
    ],
)
def test_unsafe_jwks_url_is_rejected(url: str) -> None:
    found = places(jwt={**BY_URL, "jwks_url": url})
    assert list(found) == ["jwt.jwks_url"]
    assert "password" not in found["jwt.jwks_url"]


def test_jwks_file_without_usable_keys_is_rejected(tmp_path: Path) -> None:
    settings = parse(tmp_path, jwt=JWT)
    for content, fault in (
        (None, r"the file .*jwks\.json cannot be read: No such file or directory"),
        (b"", "is not JSON"),
        (b'{"keys":[]}', "contains no signature key with a key ID"),
        (b" " * 300_000, "is larger than 262144 bytes"),
    ):
        if content is not None:
            (tmp_path / "jwks.json").write_bytes(content)
        with pytest.raises(ConfigError, match=f"^identity.jwt.jwks_file: {fault}$"):
            authenticator(settings)


def test_ca_bundle_for_the_jwks_url_is_checked() -> None:
    settings = JwtSettings.model_validate({**BY_URL, "jwks_ca_certificates": CertificateAuthority().pem})
    assert len(settings.tls().get_ca_certs()) == 1
    for content in (b"", b"nothing"):
        broken = JwtSettings.model_validate({**BY_URL, "jwks_ca_certificates": content})
        with pytest.raises(ConfigError, match=r"^identity\.jwt\.jwks_ca_certificates: contains no PEM certificate$"):
            broken.tls()
