"""The HTTP rules of the contract's methods (`google.api.http`): their paths, and where the fields of a request are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor_pb2 import MethodDescriptorProto

_VERBS: Final = ("get", "put", "post", "delete", "patch")
_VARIABLE: Final = re.compile(r"\{(\w+)=([^}]+)\}")


@dataclass(frozen=True)
class Binding:
    """One HTTP method and path of a method of the contract.

    verb: in upper case. template: as in the annotation, such as `/v1/{name=providers/*}:check`. has_body: whether the
    body contains the fields that are not in the path; otherwise, they are query parameters.
    """

    verb: str
    template: str
    has_body: bool

    @property
    def path_field(self) -> str | None:
        """The field of the request that the path contains; None if it contains none."""
        found = _VARIABLE.search(self.template)
        return found[1] if found else None

    @property
    def pattern(self) -> str:
        """The path with `*` for each segment of a name, such as `/v1/providers/*:check`."""
        return _VARIABLE.sub(lambda found: found[2], self.template)


def bindings(method: MethodDescriptorProto) -> Iterator[Binding]:
    """Yield the bindings of a method. Raise LookupError if it has none."""
    extension: Any = annotations_pb2.http  # its published type is not that of an extension
    rule: HttpRule = method.options.Extensions[extension]
    if rule.WhichOneof("pattern") is None:
        raise LookupError(f"{method.name} has no google.api.http option")
    for each in (rule, *rule.additional_bindings):
        verb = each.WhichOneof("pattern")
        if verb not in _VERBS or each.body not in ("", "*"):
            raise ValueError(f"{method.name}: the generators do not support this binding")
        yield Binding(verb.upper(), getattr(each, verb), each.body == "*")
