"""The methods of the contract with their HTTP rules, and the names of their fields in JSON."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from clients.contract_reader import Contract
from clients.http_rules import Binding, bindings


@dataclass(frozen=True)
class BoundMethod:
    """A method with its bindings, the main one first. request, response: full names, with a dot first."""

    service: str
    name: str
    request: str
    response: str
    streaming: bool
    bindings: Sequence[Binding]


def bound_methods(contract: Contract) -> Iterator[BoundMethod]:
    """Yield the methods of all services, in the order of the files."""
    for file in contract.files:
        for service in file.file.service:
            for method in service.method:
                yield BoundMethod(
                    f"{file.file.package}.{service.name}",
                    method.name,
                    method.input_type,
                    method.output_type,
                    method.server_streaming,
                    tuple(bindings(method)),
                )


def messages(contract: Contract) -> Mapping[str, DescriptorProto]:
    """Return the messages of the contract by full name, with a dot first."""
    return {
        f".{file.file.package}.{message.name}": message for file in contract.files for message in file.file.message_type
    }


def names_in_json(field: FieldDescriptorProto) -> tuple[str, ...]:
    """Return the names that JSON accepts for a field: lowerCamelCase, and the name in the contract."""
    return tuple(dict.fromkeys((json_name(field), field.name)))


def json_name(field: FieldDescriptorProto) -> str:
    """Return the name of a field in JSON, in lowerCamelCase."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), field.name)
