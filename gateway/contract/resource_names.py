"""Resource names: parse and format.

A name is a path of fixed words and segments, such as `providers/{provider}/keys/{key}`. A segment is any
non-empty text without `/` and control characters, and not `.` or `..`, which URL libraries collapse. Half of a
surrogate pair, which a Python text can hold, is no character.
"""

import re
from collections.abc import Mapping
from typing import Final

MAXIMUM_NAME_CHARACTERS: Final = 1024
WILDCARD: Final = "-"

SEGMENT: Final = r"(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
_VARIABLE = re.compile(r"\{(\w+)\}")


class Pattern:
    """The pattern of one kind of resource name."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.variables = tuple(_VARIABLE.findall(template))
        self._regex = re.compile(self.expression({name: f"(?P<{name}>{SEGMENT})" for name in self.variables}) + r"\Z")

    def expression(self, segments: Mapping[str, str]) -> str:
        """The regular expression of such names. segments: what some variables take in the place of any segment."""
        return _VARIABLE.sub(lambda match: segments.get(match[1], SEGMENT), self.template)

    def parse(self, name: str) -> dict[str, str] | None:
        """The segments of `name` by variable; None where it does not have this pattern."""
        match = self._regex.match(name) if len(name) <= MAXIMUM_NAME_CHARACTERS else None
        return match.groupdict() if match else None

    def format(self, **segments: str) -> str:
        """The name with these segments, which must be valid ones."""
        return self.template.format_map(segments)


PROVIDER: Final = Pattern("providers/{provider}")
CERTIFICATE: Final = Pattern("providers/{provider}/certificates/{certificate}")
TRUST_STORE: Final = Pattern("providers/{provider}/trustStores/{trust_store}")
TRUSTED_AUTHORITY: Final = Pattern("providers/{provider}/trustStores/{trust_store}/authorities/{alias}")
KEY: Final = Pattern("providers/{provider}/keys/{key}")
KEY_VERSION: Final = Pattern("providers/{provider}/keys/{key}/versions/{version}")
SECRET: Final = Pattern("providers/{provider}/secrets/{secret}")


def is_segment(text: str) -> bool:
    """Whether `text` can be one segment of a name."""
    return PROVIDER.parse(f"providers/{text}") is not None


def provider_id(name: str) -> str:
    """The provider's segment of any valid resource name."""
    return name.split("/", 2)[1]
