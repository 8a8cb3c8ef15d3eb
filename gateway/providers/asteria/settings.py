"""Settings of an ASTERIA Warp server: how to get a session, beside what every provider has."""

from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from gateway.config.base import Settings
from gateway.providers.base.settings import ProviderSettings

MAXIMUM_SESSION_CHARACTERS: Final = 4096


def is_session_id(text: str) -> bool:
    """Whether `text` can be a session id: visible ASCII, so that it fits into a header as it is."""
    return 0 < len(text) <= MAXIMUM_SESSION_CHARACTERS and all("!" <= character <= "~" for character in text)


class Login(Settings):
    """The account that the gateway logs in with. timeout_minutes: how long an idle session lasts at the server."""

    user_name: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)
    timeout_minutes: int = Field(default=30, ge=1, le=1440)


class AsteriaSettings(ProviderSettings):
    """An ASTERIA Warp server. Exactly one of `login` and `session_id`, a session that somebody else keeps alive.

    endpoint: scheme, host and port (usually 28080 or 28081), without `/mcapi`.
    """

    type: Literal["asteria"]
    timezone: ZoneInfo = ZoneInfo("Asia/Tokyo")
    login: Login | None = None
    session_id: SecretStr | None = None

    @field_validator("session_id")
    @classmethod
    def _usable_in_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_session_id(value.get_secret_value()):
            raise ValueError("must be visible ASCII characters without spaces")
        return value

    def model_post_init(self, _context: Any) -> None:
        """One way to get a session, not two and not none."""
        if (self.login is None) == (self.session_id is None):
            raise ValueError("give either login or session_id")
