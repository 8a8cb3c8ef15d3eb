"""Resource names: the patterns of the contract, parsing, and formatting.

A name consists of fixed words and segments, such as `providers/{provider}/keys/{key}`. A segment is not empty, contains
no `/`, no control characters, and no surrogates, and is not `.` or `..`, because URL libraries collapse those.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote

from google.api.resource_pb2 import ResourceReference
from google.protobuf.descriptor import FieldDescriptor

from gateway.contract.descriptors import RESOURCE, RESOURCE_DEFINITION, RESOURCE_REFERENCE, files_with_imports

MAXIMUM_NAME_CHARACTERS: Final = 1024
WILDCARD: Final = "-"
"""The segment that means every provider, or every audit log, in a list request."""

RESERVED_PREFIX: Final = "keyway:"
"""IDs with this prefix are reserved for resources of the gateway itself, such as its audit log."""

SEGMENT: Final = r"(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
_NOT_IN_SEGMENTS = re.compile(r"[/\x00-\x1f\x7f-\x9f]|%(?=[0-9A-Fa-f]{2})")
_VARIABLE = re.compile(r"\{(\w+)\}")


class Pattern:
    """The pattern of one kind of resource name."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.variables = tuple(_VARIABLE.findall(template))
        self._regex = re.compile(self.expression({name: f"(?P<{name}>{SEGMENT})" for name in self.variables}) + r"\Z")

    def expression(self, segments: Mapping[str, str]) -> str:
        """Return the regular expression of such names.

        segments: expressions that replace the general segment expression, by variable.
        """
        return _VARIABLE.sub(lambda match: segments.get(match[1], SEGMENT), self.template)

    def parse(self, name: str) -> dict[str, str] | None:
        """Return the segments of `name` by variable, or None if `name` does not match this pattern."""
        match = self._regex.match(name) if len(name) <= MAXIMUM_NAME_CHARACTERS else None
        return match.groupdict() if match else None

    def format(self, **segments: str) -> str:
        """Return the name with these segments, which must be valid."""
        return self.template.format_map(segments)


def _resources() -> Mapping[str, tuple[Pattern, ...]]:
    found: dict[str, tuple[Pattern, ...]] = {}
    for file in files_with_imports():
        descriptors = list(file.GetOptions().Extensions[RESOURCE_DEFINITION])
        for message in file.message_types_by_name.values():
            if message.GetOptions().HasExtension(RESOURCE):
                descriptors.append(message.GetOptions().Extensions[RESOURCE])
        for descriptor in descriptors:
            found[descriptor.type] = tuple(Pattern(template) for template in descriptor.pattern)
    return found


RESOURCES: Final = _resources()
"""The patterns of every resource type, by type name, such as `keyway.dev/Key`. The first is the pattern of its own
names.
"""

# The patterns that the gateway uses by name.
PROVIDER: Final = RESOURCES["keyway.dev/Provider"][0]
CERTIFICATE: Final = RESOURCES["keyway.dev/Certificate"][0]
TRUST_STORE: Final = RESOURCES["keyway.dev/TrustStore"][0]
TRUSTED_AUTHORITY: Final = RESOURCES["keyway.dev/TrustedAuthority"][0]
KEY: Final = RESOURCES["keyway.dev/Key"][0]
KEY_VERSION: Final = RESOURCES["keyway.dev/KeyVersion"][0]
SECRET: Final = RESOURCES["keyway.dev/Secret"][0]
AUDIT_LOG: Final = RESOURCES["keyway.dev/AuditLog"][0]


def is_segment(text: str) -> bool:
    """Return whether `text` can be one segment of a name."""
    return PROVIDER.parse(f"providers/{text}") is not None


def encode_segment(text: str) -> str:
    """Return a segment for an ID of an upstream. It is the ID, unless that cannot be a segment.

    Characters that a segment cannot contain are percent-encoded, and so is a percent sign before two hexadecimal
    digits. `.` and `..` are percent-encoded as a whole.
    """
    if text in (".", ".."):
        return "%2E" * len(text)
    return _NOT_IN_SEGMENTS.sub(lambda match: quote(match[0], safe=""), text)


def decode_segment(segment: str) -> str | None:
    """Return the ID that `encode_segment` wrote as this segment; None if it writes no ID like this.

    Every ID has exactly one segment, so that a policy for a name applies to all names of the resource.
    """
    try:
        text = unquote(segment, errors="strict")
    except ValueError:
        return None
    return text if encode_segment(text) == segment else None


def provider_id(name: str) -> str:
    """Return the provider segment of a valid resource name."""
    return name.split("/", 2)[1]


def referenced_type(field: FieldDescriptor) -> str | None:
    """Return the resource type that a field names, or None if it names no resource.

    For a reference with `child_type`, this is the type of the parent.
    """
    options = field.GetOptions()
    if not options.HasExtension(RESOURCE_REFERENCE):
        return None
    reference: ResourceReference = options.Extensions[RESOURCE_REFERENCE]
    return reference.type or _parent_of(reference.child_type)


def child_type(field: FieldDescriptor) -> str | None:
    """Return the resource type whose parent a field names, or None if its reference has no `child_type`."""
    reference: ResourceReference = field.GetOptions().Extensions[RESOURCE_REFERENCE]
    return reference.child_type or None


def _parent_of(child: str) -> str:
    """Return the type whose pattern is the pattern of the child without its last two parts."""
    parents = {pattern.template.rsplit("/", 2)[0] for pattern in RESOURCES[child]}
    for name, patterns in RESOURCES.items():
        if any(pattern.template in parents for pattern in patterns):
            return name
    raise LookupError(f"no resource type has the pattern of the parent of {child}")
