"""Writes the API reference, docs/api.md, from the contract's comments: `python clients/api_reference.py FILE`.

Knows nothing of what the contract says; the text is that of protos/. `clients/generate.py stubs` runs it.
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

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
DEPS = ROOT / "build" / "protos-deps"
PACKAGE: Final = "keyway.v1"

HEAD: Final = f"""\
# API reference: `{PACKAGE}`

Generated from the comments in [`protos/keyway/v1`](../protos/keyway/v1) by `make generate`.

A field says so where it is **required**, where it is *output only*, and where it is *secret*: never printed, logged or
recorded. Fields of one group in braces exclude each other.
"""

# The numbers of descriptor.proto, which the paths of comments are made of.
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_FIELD, _VALUE, _METHOD = 2, 2, 2

_SCALARS: Final = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}
_MARKS: Final[Mapping[int, str]] = {
    field_behavior_pb2.REQUIRED: "**required**",
    field_behavior_pb2.OUTPUT_ONLY: "*output only*",
}


@dataclass(frozen=True)
class Commented:
    """A file's declarations find their comments by their path."""

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
    """The files of the contract, with their comments."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "set"
        paths = (f"--proto_path={PROTOS}", f"--proto_path={DEPS}")
        options = ("--include_source_info", f"--descriptor_set_out={output}")
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *paths, *options, *sources], check=True)
        return list(FileDescriptorSet.FromString(output.read_bytes()).file)


def reference(files: list[Commented]) -> str:
    """The page."""
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
    yield f"- [Messages](#messages): {others}"
    yield f"- [Enums](#enums): {enums}\n"


def described_service(
    file: Commented, index: int, service: ServiceDescriptorProto, messages: Mapping[str, tuple[Commented, int]]
) -> Iterator[str]:
    yield f"## {service.name}\n"
    yield file.text(_SERVICE, index) + "\n"
    for number, method in enumerate(service.method):
        yield f"### {method.name}\n"
        yield f"`{PACKAGE}.{service.name}/{method.name}`{repeatable(method)}\n"
        yield file.text(_SERVICE, index, _METHOD, number) + "\n"
        for name in (method.input_type, method.output_type):
            message = name.rpartition(".")[2]
            place, at = messages[message]
            yield f"#### {message}\n"
            yield place.text(_MESSAGE, at) + "\n"
            yield table(place, at)


def repeatable(method: MethodDescriptorProto) -> str:
    safe = method.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return " · no side effects: safe to repeat" if safe else " · has side effects"


def table(file: Commented, index: int) -> str:
    """The fields of a message."""
    message = file.file.message_type[index]
    if not message.field:
        return "No fields.\n"
    rows = ["| field | type | |", "|---|---|---|"]
    for number, field in enumerate(message.field):
        about = [*marks(field, message), cell(file.text(_MESSAGE, index, _FIELD, number))]
        rows.append(f"| `{field.name}` | {type_of(field)} | {' '.join(filter(None, about))} |")
    return "\n".join(rows) + "\n"


def marks(field: FieldDescriptorProto, message: DescriptorProto) -> Iterator[str]:
    """What is said of a field before its comment."""
    extension: Any = field_behavior_pb2.field_behavior  # its published type fits no extension's
    behaviors: list[int] = list(field.options.Extensions[extension])
    said = [_MARKS[behavior] for behavior in behaviors if behavior in _MARKS]
    if field.options.debug_redact:
        said.append("*secret*")
    if field.HasField("oneof_index") and not field.proto3_optional:
        said.append(f"{{{message.oneof_decl[field.oneof_index].name}}}")
    if field.proto3_optional:
        said.append("*may be absent*")
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
    """A comment in one line of a table; its paragraphs, list items and examples begin lines of their own."""
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
