"""The settings of an ASTERIA server: exactly one way to get a session, defaults, and hidden secrets."""

import pytest
from pydantic import ValidationError

from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.asteria.settings import AsteriaSettings
from tests.support.providers.asteria_sessions import ACCOUNT


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"login": ACCOUNT, "session_id": "ABC"},
        {"session_id": ""},
        {"session_id": "a b"},
        {"session_id": "é"},
        {"login": {"user_name": "", "password": "x"}},
        {"login": {**ACCOUNT, "password": ""}},
        {"login": {**ACCOUNT, "timeout_minutes": 0}},
        {"login": {**ACCOUNT, "timeout_minutes": 1441}},
        {"login": ACCOUNT, "api_version": "v1"},
        {"login": ACCOUNT, "endpoint": None},
    ],
)
def test_invalid_settings_are_rejected(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AsteriaSettings.model_validate({"id": "asteria", "type": "asteria", "endpoint": "http://127.0.0.1:1", **values})


def test_settings_have_defaults_and_hide_secrets() -> None:
    values = {"id": "warp", "type": "asteria", "endpoint": "http://127.0.0.1:1", "login": ACCOUNT}
    settings = AsteriaSettings.model_validate(values)
    assert settings.timezone.key == "Asia/Tokyo"
    assert settings.login is not None
    assert settings.login.timeout_minutes == 30
    assert ACCOUNT["password"] not in repr(settings)
    adapter = AsteriaProvider(settings)
    assert (adapter.id, adapter.type, adapter.api_version) == ("warp", "asteria", "")
