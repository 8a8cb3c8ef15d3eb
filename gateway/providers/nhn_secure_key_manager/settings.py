"""Settings of a Secure Key Manager, and which headers each version of its API takes from them.

Sources: the v1.0 guide for the endpoint and the MAC header; what the vendor says of later versions elsewhere for the
credentials. Not responsible for sending anything.
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import field_validator

from gateway.providers.nhn.envelope import ApiVersion, Credential, NhnSettings

_MAC_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}")


class SecureKeyManagerSettings(NhnSettings):
    """Settings of `type: nhn-secure-key-manager`.

    api_version: the one in the path; v1.1 and v1.2 need user_access_key, v1.3 needs bearer_token. Where v1.0 is
    configured, a symmetric key's named version is read through v1.1, which then gets user_access_key if there is one.
    mac_address: sent unchanged, for key stores that authenticate by it. client_certificate: likewise.
    """

    CREDENTIALS: ClassVar[Mapping[ApiVersion, Credential]] = {
        "v1.1": "user_access_key",
        "v1.2": "user_access_key",
        "v1.3": "bearer_token",
    }
    ENDPOINTS: ClassVar = ("https://api-keymanager.cloud.toast.com", "https://api-keymanager.nhncloudservice.com")

    type: Literal["nhn-secure-key-manager"]
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

    def headers(self, version: ApiVersion) -> dict[str, str]:
        """The headers of every request to `version` of the API: credentials, and the MAC address where configured."""
        headers = self.credential_headers(version)
        if self.mac_address is not None:
            headers["X-TOAST-CLIENT-MAC-ADDR"] = self.mac_address
        return headers
