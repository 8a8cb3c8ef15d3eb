"""Settings of a Secure Key Manager, and which headers each version of its API takes from them.

Sources: the v1.0 guide for the endpoint and the MAC header; what the vendor says of later versions elsewhere for the
credentials. Not responsible for sending anything.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import field_validator, model_validator

from gateway.providers.common.nhn import NhnSettings

ApiVersion = Literal["v1.0", "v1.1", "v1.2", "v1.3"]

_USER_ACCESS_KEY_HEADERS: Final = ("X-TC-AUTHENTICATION-ID", "X-TC-AUTHENTICATION-SECRET")
_CREDENTIAL_HEADERS: Final[Mapping[ApiVersion, tuple[str, ...]]] = {
    "v1.0": (),
    "v1.1": _USER_ACCESS_KEY_HEADERS,
    "v1.2": _USER_ACCESS_KEY_HEADERS,
    "v1.3": ("X-NHN-Authorization",),
}
"""The credential headers that a version knows; it is sent no other (reported, not in the v1.0 guide)."""

_MAC_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}")


class SecureKeyManagerSettings(NhnSettings):
    """Settings of `type: nhn-secure-key-manager`.

    api_version: the one in the path; v1.1 and v1.2 need user_access_key, v1.3 needs bearer_token. Where v1.0 is
    configured, a symmetric key's named version is read through v1.1, which then gets user_access_key if there is one.
    mac_address: sent unchanged, for key stores that authenticate by it. client_certificate: likewise.
    """

    type: Literal["nhn-secure-key-manager"]
    endpoint: str = "https://api-keymanager.cloud.toast.com"
    api_version: ApiVersion = "v1.0"
    mac_address: str | None = None
    timezone: ZoneInfo = ZoneInfo("Asia/Seoul")

    @field_validator("mac_address", mode="before")
    @classmethod
    def _valid_mac_address(cls, value: object) -> object:
        """YAML reads some MAC addresses as numbers of base sixty, so the message mentions quotes."""
        if value is not None and not (isinstance(value, str) and _MAC_ADDRESS.fullmatch(value)):
            raise ValueError('must be six pairs of hexadecimal digits, in quotes, such as "00:00:5e:00:53:01"')
        return value

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if self.api_version in ("v1.1", "v1.2") and self.user_access_key is None:
            raise ValueError(f"user_access_key is needed for api_version {self.api_version}")
        if self.api_version == "v1.3" and self.bearer_token is None:
            raise ValueError("bearer_token is needed for api_version v1.3")
        return self

    def headers(self, version: ApiVersion) -> dict[str, str]:
        """The headers of every request to `version` of the API: credentials, and the MAC address where configured."""
        known = _CREDENTIAL_HEADERS[version]
        headers = {name: value for name, value in self.credential_headers().items() if name in known}
        if self.mac_address is not None:
            headers["X-TOAST-CLIENT-MAC-ADDR"] = self.mac_address
        return headers
