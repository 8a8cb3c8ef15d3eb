"""Where each call goes: the paths of Secure Key Manager's API, and what they take from resource names.

Paths are built as far as they can be once, at construction; a call adds the percent-encoded id and its last word.
Source: the list of calls in the v1.0 guide. Not responsible for bodies and headers.
"""

import re
from typing import Final
from urllib.parse import quote

from gateway.errors import InvalidRequest, Violation
from gateway.providers.common.nhn import encoded_segment

MAXIMUM_VERSION: Final = 2**31 - 1

_VERSION = re.compile(r"0|[1-9][0-9]{0,9}")


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


def named_version(name: str) -> int | None:
    """The version in the name of a key version; None in that of a key. InvalidRequest where it is not a number.

    Leading zeros are refused: one version has one name, so that a policy about it can't be walked around.
    """
    segments = name.split("/", 5)
    if len(segments) < 6:
        return None
    version = int(segments[5]) if _VERSION.fullmatch(segments[5]) else None
    if version is None or version > MAXIMUM_VERSION:
        description = f"the version must be a number from 0 to {MAXIMUM_VERSION}, without leading zeros"
        raise InvalidRequest([Violation("name", description)])
    return version


def key_name(name: str) -> str:
    """The name of the key (or secret) that a name is or is a version of."""
    return "/".join(name.split("/", 4)[:4])


def _encoded_id(name: str) -> str:
    return encoded_segment(name.split("/", 4)[3])


def _version_query(version: int | None) -> str:
    return "" if version is None else f"?keyVersion={version}"
