"""The settings of one Certificate Manager: which API version is spoken, and what that version needs.

Sources: the v1.0 and v1.2 guides for versions and endpoints; credentials of v1.1 and v1.3 are reported.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator

from gateway.providers.common.nhn import NhnSettings

ApiVersion = Literal["v1.0", "v1.1", "v1.2", "v1.3"]

DEFAULT_VERSION: Final[ApiVersion] = "v1.2"

_FIRST_ENDPOINT: Final = "https://api-certificate-manager.cloud.toast.com"
_LATER_ENDPOINT: Final = "https://certmanager.api.nhncloudservice.com"

_NEEDED: Final[Mapping[str, str]] = {"v1.1": "user_access_key", "v1.3": "bearer_token"}
_KNOWN_HEADERS: Final[Mapping[str, frozenset[str]]] = {
    "v1.1": frozenset({"x-tc-authentication-id", "x-tc-authentication-secret"}),
    "v1.3": frozenset({"x-nhn-authorization"}),
}


class CertificateManagerSettings(NhnSettings):
    """What a Certificate Manager needs to be reached.

    endpoint: the address that the guide of api_version gives, unless set. timezone: of the dates in the list, which
    have none (assumed to be Korean ones). v1.1 needs user_access_key, v1.3 bearer_token; other versions know neither.
    """

    type: Literal["nhn-certificate-manager"]
    endpoint: str
    timezone: ZoneInfo = ZoneInfo("Asia/Seoul")
    api_version: ApiVersion = Field(default=DEFAULT_VERSION, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _default_endpoint(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "endpoint" in data:
            return data
        first = data.get("api_version") == "v1.0"
        return {**data, "endpoint": _FIRST_ENDPOINT if first else _LATER_ENDPOINT}

    @field_validator("api_version")
    @classmethod
    def _has_its_credential(cls, version: ApiVersion, info: ValidationInfo) -> ApiVersion:
        needed = _NEEDED.get(version)
        if needed is not None and needed in info.data and info.data[needed] is None:
            raise ValueError(f"{version} needs {needed}")
        return version

    def headers(self) -> dict[str, str]:
        """The credential headers that this API version knows: a credential is shown nowhere else."""
        known = _KNOWN_HEADERS.get(self.api_version, frozenset())
        return {name: value for name, value in self.credential_headers().items() if name.lower() in known}
