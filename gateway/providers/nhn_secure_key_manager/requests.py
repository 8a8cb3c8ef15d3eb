"""Where each call goes: the paths of Secure Key Manager's API, and what they take from resource names.

Paths are built as far as they can be once, at construction; a call adds the percent-encoded id and its last word.
Source: the list of calls in the v1.0 guide. Not responsible for bodies and headers.
"""

from functools import lru_cache
from urllib.parse import quote

from gateway.contract import resource_names
from gateway.providers.nhn.envelope import encoded_segment


class Paths:
    """The targets of one API version for one app key."""

    def __init__(self, api_version: str, app_key: str) -> None:
        base = f"/keymanager/{api_version}/appkey/{quote(app_key, safe='')}"
        self.confirm = f"{base}/confirm"
        self._secrets = f"{base}/secrets/"
        self._symmetric = f"{base}/symmetric-keys/"
        self._asymmetric = f"{base}/asymmetric-keys/"

    def secret(self, name: str) -> str:
        """GET of `providers/{provider}/secrets/{secret}`."""
        return self._secrets + _encoded_id(name)

    def symmetric(self, name: str, operation: str, version: int | None = None) -> str:
        """`operation` (encrypt, decrypt, create-local-key, symmetric-key) of a key."""
        return f"{self._symmetric}{_encoded_id(name)}/{operation}{_version_query(version)}"

    def asymmetric(self, name: str, operation: str, version: int | None = None) -> str:
        """`operation` (sign, verify, privateKey, publicKey) of a key."""
        return f"{self._asymmetric}{_encoded_id(name)}/{operation}{_version_query(version)}"


def shown(target: str) -> str:
    """A target without what is in it: `/keymanager/v1.0/appkey/{app_key}/symmetric-keys/{id}/encrypt`."""
    parts = target.partition("?")[0].split("/")
    parts[4] = "{app_key}"
    parts[6:7] = ["{id}"] if len(parts) > 6 else []
    return "/".join(parts)


def named_version(name: str) -> int | None:
    """The version in the name of a key version, which the contract lets be a number only; None in that of a key."""
    segments = resource_names.KEY_VERSION.parse(name)
    return int(segments["version"]) if segments else None


def key_name(name: str) -> str:
    """The name of the key (or secret) that a name is or is a version of."""
    return "/".join(name.split("/", 4)[:4])


@lru_cache(maxsize=4096)
def _encoded_id(name: str) -> str:
    return encoded_segment(name.split("/", 4)[3])


def _version_query(version: int | None) -> str:
    return "" if version is None else f"?keyVersion={version}"
