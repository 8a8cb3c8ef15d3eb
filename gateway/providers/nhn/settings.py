"""Settings that both NHN Cloud services have: the API version, the app key, and the credentials of later versions."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.config.base import Settings, TimeZone
from gateway.providers.base.settings import HeaderSecret, ProviderSettings


class UserAccessKey(Settings):
    """A User Access Key of NHN Cloud: an ID and its secret."""

    id: HeaderSecret = Field(description="User access key ID.")
    secret: HeaderSecret = Field(description="Secret access key.")


ApiVersion = Literal["v1.0", "v1.1", "v1.2", "v1.3"]

Credential = Literal["user_access_key", "bearer_token"]


class NhnSettings(ProviderSettings):
    """Settings of an NHN Cloud service.

    CREDENTIALS: the credential that each API version requires; the gateway sends no other.
    ENDPOINTS: the default endpoints for v1.0 and for later versions.
    """

    CREDENTIALS: ClassVar[Mapping[ApiVersion, Credential]]
    ENDPOINTS: ClassVar[tuple[str, str]]

    endpoint: str = Field(
        default="", description="Base URL of the service. Default: the vendor's public endpoint of api_version."
    )
    timezone: TimeZone = Field(
        default=ZoneInfo("Asia/Seoul"),
        description="IANA time zone of dates and times that the service returns without a zone.",
    )
    api_version: ApiVersion = Field(description="API version that the gateway uses.")
    app_key: SecretStr = Field(description="App key of the service; it is part of every URL.")
    user_access_key: UserAccessKey | None = Field(
        default=None, description="User access key, for the API versions that require one."
    )
    bearer_token: HeaderSecret | None = Field(
        default=None, description="Bearer token, for the API versions that require one."
    )

    @model_validator(mode="before")
    @classmethod
    def _default_endpoint(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "endpoint" in data:
            return data
        version = data.get("api_version", cls.model_fields["api_version"].default)
        return {**data, "endpoint": cls.ENDPOINTS[0 if version == "v1.0" else 1]}

    @field_validator("app_key")
    @classmethod
    def _is_a_segment(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip("."):
            raise ValueError("must not be empty, and must not consist of dots only")
        return value

    @model_validator(mode="after")
    def _has_its_credential(self) -> Self:
        needed = self.CREDENTIALS.get(self.api_version)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"api_version {self.api_version} requires {needed}")
        return self

    def credential_headers(self, version: ApiVersion) -> dict[str, str]:
        """Return the headers with the credential of an API version; empty if it needs none or none is configured."""
        credential = self.CREDENTIALS.get(version)
        if credential == "user_access_key" and self.user_access_key is not None:
            return {
                "X-TC-AUTHENTICATION-ID": self.user_access_key.id.get_secret_value(),
                "X-TC-AUTHENTICATION-SECRET": self.user_access_key.secret.get_secret_value(),
            }
        if credential == "bearer_token" and self.bearer_token is not None:
            return {"X-NHN-Authorization": f"Bearer {self.bearer_token.get_secret_value()}"}
        return {}

    def secrets(self) -> tuple[str, ...]:
        """Return all configured values that must never be recorded."""
        key, token = self.user_access_key, self.bearer_token
        return (
            self.app_key.get_secret_value(),
            *((key.id.get_secret_value(), key.secret.get_secret_value()) if key else ()),
            *((token.get_secret_value(),) if token else ()),
        )
