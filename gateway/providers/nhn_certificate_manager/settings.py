"""The settings of one Certificate Manager: which API version is spoken, and what that version needs.

Sources: the v1.0 and v1.2 guides for versions and endpoints; credentials of v1.1 and v1.3 are reported.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from gateway.providers.nhn.envelope import ApiVersion, Credential, NhnSettings


class CertificateManagerSettings(NhnSettings):
    """What a Certificate Manager needs to be reached.

    endpoint: the address that the guide of api_version gives, unless set. timezone: of the dates in the list, which
    have none (assumed to be Korean ones). v1.1 needs user_access_key, v1.3 bearer_token; other versions know neither.
    """

    CREDENTIALS: ClassVar[Mapping[ApiVersion, Credential]] = {"v1.1": "user_access_key", "v1.3": "bearer_token"}
    ENDPOINTS: ClassVar = (
        "https://api-certificate-manager.cloud.toast.com",
        "https://certmanager.api.nhncloudservice.com",
    )

    type: Literal["nhn-certificate-manager"]
    timezone: ZoneInfo = ZoneInfo("Asia/Seoul")
    api_version: ApiVersion = "v1.2"

    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        return self.credential_headers(self.api_version)
