"""Settings of the provider type `nhn-secure-key-manager`, and the headers that each API version takes from them.

Sources: the v1.0 guide for the endpoint and the MAC address header; other statements of the vendor for the credentials
of later versions.
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from gateway.providers.nhn.settings import ApiVersion, Credential, NhnSettings

_MAC_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}")


class SecureKeyManagerSettings(NhnSettings):
    """An NHN Cloud Secure Key Manager.

    With api_version v1.0, the gateway reads a named version of a symmetric key through v1.1 and sends user_access_key
    if it is set.
    """

    CREDENTIALS: ClassVar[Mapping[ApiVersion, Credential]] = {
        "v1.1": "user_access_key",
        "v1.2": "user_access_key",
        "v1.3": "bearer_token",
    }
    ENDPOINTS: ClassVar = ("https://api-keymanager.cloud.toast.com", "https://api-keymanager.nhncloudservice.com")

    type: Literal["nhn-secure-key-manager"] = Field(description="Provider type.")
    api_version: ApiVersion = Field(
        default="v1.0",
        description="API version. v1.1 and v1.2 require user_access_key, v1.3 requires bearer_token.",
    )
    mac_address: str | None = Field(
        default=None,
        description="MAC address sent unchanged in a header, for key stores that authenticate clients by it.",
    )

    @field_validator("mac_address", mode="before")
    @classmethod
    def _valid_mac_address(cls, value: object) -> object:
        """Require a string: YAML reads some unquoted MAC addresses as base-60 numbers."""
        if value is not None and not (isinstance(value, str) and _MAC_ADDRESS.fullmatch(value)):
            raise ValueError('must be six pairs of hexadecimal digits, in quotes, such as "00:00:5e:00:53:01"')
        return value

    def headers(self, version: ApiVersion) -> dict[str, str]:
        """Return the headers of every request to API version `version`: credentials, and the MAC address if set."""
        headers = self.credential_headers(version)
        if self.mac_address is not None:
            headers["X-TOAST-CLIENT-MAC-ADDR"] = self.mac_address
        return headers
