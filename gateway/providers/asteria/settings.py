"""Settings of the provider type `asteria`: an ASTERIA Warp server."""

from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator

from gateway.config.base import Settings, TimeZone
from gateway.providers.base.settings import ProviderSettings

MAXIMUM_SESSION_CHARACTERS: Final = 4096


def is_session_id(text: str) -> bool:
    """Return whether `text` can be a session ID: visible ASCII, so that it fits into a header unchanged."""
    return 0 < len(text) <= MAXIMUM_SESSION_CHARACTERS and all("!" <= character <= "~" for character in text)


class Login(Settings):
    """The account that the gateway logs in with."""

    user_name: str = Field(min_length=1, description="User name, such as /keyway.")
    password: SecretStr = Field(min_length=1, description="Password of the user.")
    timeout_minutes: int = Field(
        default=30, ge=1, le=1440, description="Minutes after which the server ends an idle session."
    )


class AsteriaSettings(ProviderSettings):
    """An ASTERIA Warp server. Exactly one of `login` and `session_id` is set."""

    type: Literal["asteria"] = Field(description="Provider type.")
    endpoint: str = Field(
        description="Base URL of the server: scheme, host, and port (usually 28080 or 28081), without /mcapi."
    )
    timezone: TimeZone = Field(
        default=ZoneInfo("Asia/Tokyo"), description="IANA time zone of dates and times that the server returns."
    )
    login: Login | None = Field(default=None, description="Account that the gateway logs in with.")
    session_id: SecretStr | None = Field(
        default=None,
        description="ID of an existing session that another program keeps alive. The gateway then does not log in.",
    )

    @field_validator("session_id")
    @classmethod
    def _usable_in_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_session_id(value.get_secret_value()):
            raise ValueError("must be visible ASCII characters without spaces")
        return value

    def model_post_init(self, _context: Any) -> None:
        """Require exactly one way to get a session."""
        if (self.login is None) == (self.session_id is None):
            raise ValueError("set exactly one of login and session_id")
