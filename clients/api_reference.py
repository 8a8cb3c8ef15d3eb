"""Generator of the API reference: `python -m clients.api_reference FILE`.

All text about methods, messages, and enums comes from the comments and options in protos/.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)

from clients.http_rules import bindings
from gateway.authz.actions import ACTIONS, GROUPS, PRIVATE
from keyway.v1 import options_pb2

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
DEPS = ROOT / "build" / "protos-deps"
PACKAGE: Final = "keyway.v1"

HEAD: Final = f"""\
# API reference: `{PACKAGE}`

Generated from the comments in [`protos/keyway/v1`](../protos/keyway/v1) by `make generate`. [Providers](providers.md)
lists which provider type serves which method, and the limits of each.

Marks on fields: **required**; *output only*; *secret*, which is never printed, logged, or recorded; *optional
presence*, which can be absent; and a name in braces for fields that exclude each other.

[REST/JSON](rest.md) describes the HTTP paths of the methods.
"""

# The field numbers in descriptor.proto. The path of a comment consists of them and of indexes.
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_FIELD, _VALUE, _METHOD = 2, 2, 2

_SCALARS: Final = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
_MARKS: Final[Mapping[int, str]] = {
    field_behavior_pb2.REQUIRED: "**required**",
    field_behavior_pb2.OUTPUT_ONLY: "*output only*",
}


@dataclass(frozen=True)
class Commented:
    """A file with the comments of its declarations, by their paths."""

    file: FileDescriptorProto
    comments: Mapping[tuple[int, ...], str]

    @classmethod
    def of(cls, file: FileDescriptorProto) -> "Commented":
        places = file.source_code_info.location
        return cls(file, {tuple(place.path): place.leading_comments for place in places if place.leading_comments})

    def text(self, *path: int) -> str:
        lines = self.comments.get(path, "").rstrip().splitlines()
        return "\n".join(line.removeprefix(" ").rstrip() for line in lines)


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(reference([Commented.of(file) for file in contract()]), encoding="utf-8")
    return 0


def contract() -> list[FileDescriptorProto]:
    """Return the files of the contract, with their comments."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "set"
        paths = (f"--proto_path={PROTOS}", f"--proto_path={DEPS}")
        options = ("--include_source_info", f"--descriptor_set_out={output}")
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *paths, *options, *sources], check=True)
        return list(FileDescriptorSet.FromString(output.read_bytes()).file)


def reference(files: list[Commented]) -> str:
    """Return the page."""
    messages = {message.name: (file, index) for file in files for index, message in enumerate(file.file.message_type)}
    own = {
        name.rpartition(".")[2]
        for file in files
        for service in file.file.service
        for method in service.method
        for name in (method.input_type, method.output_type)
    }
    parts = [HEAD, *contents(files, messages, own)]
    for file in files:
        for index, service in enumerate(file.file.service):
            parts += described_service(file, index, service, messages)
    parts += policy_groups()
    parts.append("## Messages\n")
    for name, (file, index) in sorted(messages.items()):
        if name not in own:
            parts += [f"### {name}\n", file.text(_MESSAGE, index) + "\n", table(file, index)]
    parts.append("## Enums\n")
    for file in files:
        for index, enum in enumerate(file.file.enum_type):
            parts += described_enum(file, index, enum)
    return "\n".join(parts).rstrip() + "\n"


def contents(files: list[Commented], messages: Mapping[str, tuple[Commented, int]], own: set[str]) -> Iterator[str]:
    for file in files:
        for service in file.file.service:
            names = (f"[{method.name}](#{anchor(method.name)})" for method in service.method)
            yield f"- [{service.name}](#{anchor(service.name)}): {', '.join(names)}"
    others = ", ".join(f"[{name}](#{anchor(name)})" for name in sorted(messages) if name not in own)
    enums = ", ".join(f"[{enum.name}](#{anchor(enum.name)})" for file in files for enum in file.file.enum_type)
    yield "- [Policy groups](#policy-groups)"
    yield f"- [Messages](#messages): {others}"
    yield f"- [Enums](#enums): {enums}\n"


def described_service(
    file: Commented, index: int, service: ServiceDescriptorProto, messages: Mapping[str, tuple[Commented, int]]
) -> Iterator[str]:
    yield f"## {service.name}\n"
    yield file.text(_SERVICE, index) + "\n"
    for number, method in enumerate(service.method):
        yield f"### {method.name}\n"
        yield f"`{PACKAGE}.{service.name}/{method.name}`{facts(method)}\n"
        yield f"REST: {', '.join(f'`{rule.verb} {rule.template}`' for rule in bindings(method))}\n"
        yield file.text(_SERVICE, index, _METHOD, number) + "\n"
        for name in (method.input_type, method.output_type):
            message = name.rpartition(".")[2]
            place, at = messages[message]
            yield f"#### {message}\n"
            yield place.text(_MESSAGE, at) + "\n"
            yield table(place, at)


def facts(method: MethodDescriptorProto) -> str:
    """Return the options of a method as text."""
    safe = method.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    option: Any = options_pb2.method  # its published type is not that of an extension
    stated: options_pb2.MethodFacts = method.options.Extensions[option]
    group = policy_group(stated.access)
    said = [
        "no side effects: safe to retry" if safe else "has side effects",
        f"policy group `{group}`" if group else "a policy must name it",
        *(["cacheable"] if stated.cacheable else []),
    ]
    return "".join(f" · {text}" for text in said)


def policy_group(access: int) -> str:
    """Return the policy group of an access class; empty if the class has none."""
    option: Any = options_pb2.policy_group
    return str(options_pb2.AccessClass.DESCRIPTOR.values_by_number[access].GetOptions().Extensions[option])


def policy_groups() -> Iterator[str]:
    """Yield the section with the policy groups and their actions."""
    yield "## Policy groups\n"
    yield 'A policy can permit all actions of a group together: `action in Keyway::Action::"UseKeys"`. See'
    yield "[policies](policy.md). The items of a batch have the action of their own method.\n"
    yield "| group | actions |\n|---|---|"
    order = list(ACTIONS)
    for group, members in GROUPS.items():
        yield f"| `{group}` | {', '.join(sorted(members, key=order.index))} |"
    yield f"| none: a policy must name each | {', '.join(sorted(PRIVATE, key=order.index))} |\n"


def table(file: Commented, index: int) -> str:
    """Return the table of the fields of a message."""
    message = file.file.message_type[index]
    if not message.field:
        return "No fields.\n"
    rows = ["| field | type | |", "|---|---|---|"]
    for number, field in enumerate(message.field):
        about = [*marks(field, message), cell(file.text(_MESSAGE, index, _FIELD, number))]
        rows.append(f"| `{field.name}` | {type_of(field)} | {' '.join(filter(None, about))} |")
    return "\n".join(rows) + "\n"


def marks(field: FieldDescriptorProto, message: DescriptorProto) -> Iterator[str]:
    """Yield the marks of a field, which precede its comment."""
    extension: Any = field_behavior_pb2.field_behavior  # its published type is not that of an extension
    behaviors: list[int] = list(field.options.Extensions[extension])
    said = [_MARKS[behavior] for behavior in behaviors if behavior in _MARKS]
    if field.options.debug_redact:
        said.append("*secret*")
    if field.HasField("oneof_index") and not field.proto3_optional:
        said.append(f"{{{message.oneof_decl[field.oneof_index].name}}}")
    if field.proto3_optional:
        said.append("*optional presence*")
    if said:
        yield f"{', '.join(said)}:"


def type_of(field: FieldDescriptorProto) -> str:
    repeated = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
    if not field.type_name:
        return f"{repeated}{_SCALARS[field.type]}"
    name = field.type_name.removeprefix(".")
    short = name.removeprefix(f"{PACKAGE}.")
    return f"{repeated}[{short}](#{anchor(short)})" if short != name else f"{repeated}`{name}`"


def described_enum(file: Commented, index: int, enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"### {enum.name}\n"
    yield file.text(_ENUM, index) + "\n"
    rows = ["| value | number | |", "|---|---|---|"]
    for number, value in enumerate(enum.value):
        rows.append(f"| `{value.name}` | {value.number} | {cell(file.text(_ENUM, index, _VALUE, number))} |")
    yield "\n".join(rows) + "\n"


def cell(text: str) -> str:
    """Return a comment as one line of a table. Its paragraphs, list items, and examples begin after a line break."""
    lines: list[str] = []
    for line in text.replace("|", "\\|").splitlines():
        begins = not line or line.startswith(("- ", "Example:")) or (lines and not lines[-1])
        if begins or not lines:
            lines.append(line)
        else:
            lines[-1] += f" {line}"
    return "<br>".join(filter(None, lines))


def anchor(name: str) -> str:
    return name.lower()


if __name__ == "__main__":
    sys.exit(main())
