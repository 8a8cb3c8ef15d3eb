"""Generator of the descriptors of Envoy's Secret Discovery Service, from the .proto files of a published package.

The result contains only the messages that the gateway uses, without options: the options would need the extensions of
four other projects. The gateway loads it into a descriptor pool of its own, so it shares no name with other packages.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

PACKAGE = "@grpc/grpc-js-xds@1.14.1"
DIGEST = "F2mVXwEeMWw1znPUrp+8ykjsIOVnf7Rv+EyIvXOfz73w5tNolCnzokpLkE/d2Ehx30PJmZXqCQdMpx8DcBJohA=="
"""SHA-512 of the package, as the registry and lock files of npm state it."""
FOLDERS = ("envoy-api", "xds", "protoc-gen-validate", "googleapis")
FILES = ("envoy/service/discovery/v3/discovery.proto", "envoy/extensions/transport_sockets/tls/v3/secret.proto")
MESSAGES = (
    ".envoy.service.discovery.v3.DiscoveryRequest",
    ".envoy.service.discovery.v3.DiscoveryResponse",
    ".envoy.service.discovery.v3.DeltaDiscoveryRequest",
    ".envoy.service.discovery.v3.DeltaDiscoveryResponse",
    ".envoy.extensions.transport_sockets.tls.v3.Secret",
)


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        complete = compile_files(extract(Path(folder)), Path(folder) / "complete.binpb")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(reduced(complete).SerializeToString(deterministic=True))


def extract(folder: Path) -> Path:
    """Download the package with npm, check its digest, and return the folder with its .proto files."""
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (archive,) = folder.glob("*.tgz")
    if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != DIGEST:
        raise SystemExit(f"{PACKAGE} has an unexpected digest")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "package" / "deps"


def compile_files(folder: Path, output: Path) -> FileDescriptorSet:
    paths = [f"-I{folder / name}" for name in FOLDERS]
    well_known = resources.files("grpc_tools") / "_proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", *paths, f"-I{well_known}", "--include_imports"]
    subprocess.run([*command, f"--descriptor_set_out={output}", *FILES], check=True)
    return FileDescriptorSet.FromString(output.read_bytes())


def reduced(complete: FileDescriptorSet) -> FileDescriptorSet:
    """Return the files with the needed messages only."""
    declared = {name: message for file in complete.file for name, message in declarations(file)}
    needed = reachable(declared)
    result = FileDescriptorSet()
    for file in complete.file:
        kept = FileDescriptorProto(name=file.name, package=file.package, syntax=file.syntax)
        kept.message_type.extend(m for m in file.message_type if f".{file.package}.{m.name}" in needed)
        kept.enum_type.extend(e for e in file.enum_type if f".{file.package}.{e.name}" in needed)
        if kept.message_type or kept.enum_type:
            for message in kept.message_type:
                strip(message)
            for enum in kept.enum_type:
                strip_enum(enum)
            result.file.append(kept)
    add_imports(result)
    return result


def declarations(file: FileDescriptorProto) -> Iterator[tuple[str, Any]]:
    """Yield the full name of each type at the top of a file, with its declaration."""
    declaration: Any
    for declaration in (*file.message_type, *file.enum_type):
        yield f".{file.package}.{declaration.name}", declaration


def reachable(declared: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    open_names = list(MESSAGES)
    while open_names:
        name = open_names.pop()
        if name in found:
            continue
        found.add(name)
        if isinstance(declared[name], DescriptorProto):
            open_names.extend(top_level(used, declared) for used in used_types(declared[name]))
    return found


def used_types(message: DescriptorProto) -> Iterator[str]:
    yield from (field.type_name for field in message.field if field.type_name)
    for nested in message.nested_type:
        yield from used_types(nested)


def top_level(name: str, declared: Mapping[str, Any]) -> str:
    """Return the type at the top of a file that is, or contains, the type with this name."""
    while name not in declared:
        name = name.rpartition(".")[0]
    return name


def strip(message: DescriptorProto) -> None:
    """Remove the options, except those that the wire format depends on."""
    is_map = message.options.map_entry
    message.ClearField("options")
    if is_map:
        message.options.map_entry = True
    for field in message.field:
        strip_field(field)
    for oneof in message.oneof_decl:
        oneof.ClearField("options")
    for enum in message.enum_type:
        strip_enum(enum)
    for nested in message.nested_type:
        strip(nested)


def strip_field(field: FieldDescriptorProto) -> None:
    packed = field.options.packed if field.options.HasField("packed") else None
    field.ClearField("options")
    if packed is not None:
        field.options.packed = packed


def strip_enum(enum: Any) -> None:
    allows_alias = enum.options.allow_alias
    enum.ClearField("options")
    if allows_alias:
        enum.options.allow_alias = True
    for value in enum.value:
        value.ClearField("options")


def add_imports(files: FileDescriptorSet) -> None:
    """Import exactly the files whose types each file uses. The files are already in an order that allows that."""
    homes = {name: file.name for file in files.file for name, _ in declarations(file)}
    for file in files.file:
        used = {homes[top_level(name, homes)] for message in file.message_type for name in used_types(message)}
        file.dependency.extend(sorted(used - {file.name}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
