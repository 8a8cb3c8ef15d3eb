"""Settings of the provider type `nhn-certificate-manager`.

Sources: the v1.0 and v1.2 guides for versions and endpoints. The credentials of v1.1 and v1.3 are reported, not
documented.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from gateway.providers.nhn.settings import ApiVersion, Credential, NhnSettings


class CertificateManagerSettings(NhnSettings):
    """An NHN Cloud Certificate Manager."""

    CREDENTIALS: ClassVar[Mapping[ApiVersion, Credential]] = {"v1.1": "user_access_key", "v1.3": "bearer_token"}
    ENDPOINTS: ClassVar = (
        "https://api-certificate-manager.cloud.toast.com",
        "https://certmanager.api.nhncloudservice.com",
    )

    type: Literal["nhn-certificate-manager"] = Field(description="Provider type.")
    api_version: ApiVersion = Field(
        default="v1.2",
        description="API version. v1.1 requires user_access_key, v1.3 requires bearer_token. Only v1.0 has uploads.",
    )

    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        return self.credential_headers(self.api_version)
