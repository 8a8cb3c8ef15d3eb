"""The settings of Secure Key Manager: defaults, credentials of each version, and errors that name the key."""

from typing import Any

import pytest

from gateway.config.base import ConfigError
from gateway.gateway_settings import GatewaySettings, parse
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from gateway.providers.nhn_secure_key_manager.settings import SecureKeyManagerSettings

MINIMUM: dict[str, Any] = {"id": "nhn-keys", "type": "nhn-secure-key-manager", "app_key": "appKEY-1"}
USER_ACCESS_KEY = {"id": "uak-id", "secret": "uak-secret"}


def parsed(**values: object) -> GatewaySettings:
    return parse({"providers": [MINIMUM | values]}, {"nhn-secure-key-manager": SecureKeyManagerSettings})


def refused(**values: object) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(**values)
    return str(caught.value)


def test_settings_have_defaults() -> None:
    (provider,) = parsed().providers
    assert isinstance(provider, SecureKeyManagerSettings)
    assert provider.endpoint == "https://api-keymanager.cloud.toast.com"
    assert provider.api_version == "v1.0"
    assert provider.timezone.key == "Asia/Seoul"
    assert provider.mac_address is None


def test_settings_do_not_print_secrets() -> None:
    values = {"user_access_key": USER_ACCESS_KEY, "bearer_token": "token-1"}
    (provider,) = parsed(**values).providers
    printed = f"{provider!r} {provider} {SecureKeyManager(provider)!r}"  # type: ignore[arg-type]  # it is of this class
    assert not any(secret in printed for secret in ("appKEY-1", "uak-id", "uak-secret", "token-1"))


@pytest.mark.parametrize(
    ("version", "values"),
    [
        ("v1.0", {}),
        ("v1.1", {"user_access_key": USER_ACCESS_KEY}),
        ("v1.2", {"user_access_key": USER_ACCESS_KEY}),
        ("v1.3", {"bearer_token": "t"}),
    ],
)
def test_each_version_is_accepted_with_its_credentials(version: str, values: dict[str, object]) -> None:
    (provider,) = parsed(api_version=version, **values).providers
    assert isinstance(provider, SecureKeyManagerSettings)
    assert SecureKeyManager(provider).api_version == version
    later = "https://api-keymanager.nhncloudservice.com"
    assert provider.endpoint == ("https://api-keymanager.cloud.toast.com" if version == "v1.0" else later)


@pytest.mark.parametrize("app_key", ["", ".", "..", "..."])
def test_app_keys_of_dots_only_are_rejected(app_key: str) -> None:
    assert refused(app_key=app_key).startswith("providers[0].app_key: ")


@pytest.mark.parametrize(
    ("version", "values", "key"),
    [
        ("v1.1", {}, "user_access_key"),
        ("v1.2", {"bearer_token": "t"}, "user_access_key"),
        ("v1.3", {"user_access_key": USER_ACCESS_KEY}, "bearer_token"),
    ],
)
def test_missing_credentials_are_rejected(version: str, values: dict[str, object], key: str) -> None:
    assert refused(api_version=version, **values) == f"providers[0]: api_version {version} requires {key}"


def test_unknown_version_is_rejected() -> None:
    assert "providers[0].api_version" in refused(api_version="v2.0")


@pytest.mark.parametrize("address", ["00:00:5e:00:53:01", "00-00-5E-00-53-01"])
def test_valid_mac_address_is_accepted(address: str) -> None:
    (provider,) = parsed(mac_address=address).providers
    assert isinstance(provider, SecureKeyManagerSettings)
    assert provider.headers("v1.0") == {"X-TOAST-CLIENT-MAC-ADDR": address}


@pytest.mark.parametrize(
    "address",
    ["", "00:00:5e:00:53", "00:00:5e:00:53:01:02", "00:00:5e:00:53:0g", "00:00-5e:00:53:01", "00005e005301",
     "00:00:5e:00:53:01\r\nX-Other: 1", "00:00:5e:00:53:01\n", 8015519401],
)  # fmt: skip
def test_invalid_mac_address_is_rejected(address: object) -> None:
    message = refused(mac_address=address)
    assert message.startswith("providers[0].mac_address: must be six pairs of hexadecimal digits, in quotes")


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"app_key": ""}, "app_key"),
        ({"bearer_token": "a\r\nX-Other: 1"}, "bearer_token"),
        ({"bearer_token": ""}, "bearer_token"),
        ({"user_access_key": {"id": "a\nb", "secret": "s"}}, "user_access_key.id"),
        ({"user_access_key": {"id": "a", "secret": "비밀"}}, "user_access_key.secret"),
        ({"user_access_key": {"id": "a"}}, "user_access_key.secret"),
    ],
)
def test_invalid_credential_is_rejected_at_its_key(values: dict[str, object], place: str) -> None:
    assert refused(**values).startswith(f"providers[0].{place}: ")


def test_unknown_key_is_rejected_with_a_suggestion() -> None:
    assert refused(appkey="x") == "providers[0]: unknown key 'appkey'; did you mean 'app_key'?"


def test_invalid_client_certificate_is_rejected() -> None:
    certificate = {"certificate": "not PEM", "private_key": "marker-1"}
    (provider,) = parsed(client_certificate=certificate).providers
    assert isinstance(provider, SecureKeyManagerSettings)
    with pytest.raises(ConfigError) as caught:
        SecureKeyManager(provider)
    assert "nhn-keys" in str(caught.value)
    assert "marker-1" not in str(caught.value)
