"""The differences between the API versions, one row per version. Contains no logic."""

from dataclasses import dataclass
from enum import Enum, auto


class Credentials(Enum):
    """The credential headers that a version requires, in addition to the app key in the path."""

    NONE = auto()
    ACCESS_KEY = auto()
    ACCESS_KEY_IF_SENT = auto()
    BEARER_TOKEN = auto()


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One API version: its credentials, and which features it has."""

    name: str
    credentials: Credentials
    uploads: bool = False
    ignores_case: bool = True
    lists_domains: bool = False
    knows_ids: bool = False


VERSIONS = {
    version.name: version
    for version in (
        ApiVersion("v1.0", Credentials.NONE, uploads=True, ignores_case=False),
        ApiVersion("v1.1", Credentials.ACCESS_KEY),
        ApiVersion("v1.2", Credentials.ACCESS_KEY_IF_SENT, lists_domains=True),
        ApiVersion("v1.3", Credentials.BEARER_TOKEN, lists_domains=True, knows_ids=True),
    )
}
