"""Helpers of the generators: lookup of messages in the contract, and short forms of its names and comments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, MethodDescriptorProto, ServiceDescriptorProto

from clients.api_reference import Commented, contract


@dataclass(frozen=True)
class ListMethod:
    """A list method with pages. field: the field of the response with the items. item: the message of an item."""

    service: str
    name: str
    request: DescriptorProto
    response: str
    field: str
    item: str

    @property
    def plural(self) -> str:
        """The name of the items, such as `Certificates` of ListCertificates."""
        return self.name.removeprefix("List")


@dataclass(frozen=True)
class Contract:
    """The files of the contract, with their comments."""

    files: list[Commented]

    @classmethod
    def read(cls) -> "Contract":
        return cls([Commented.of(file) for file in contract()])

    def message(self, name: str) -> tuple[Commented, int]:
        """Return the file of a message and its index there. name: fully qualified, as in a method's input type."""
        for file in self.files:
            for index, message in enumerate(file.file.message_type):
                if f".{file.file.package}.{message.name}" == name:
                    return file, index
        raise LookupError(f"{name} is not a message of the contract")

    def list_methods(self) -> Iterator[ListMethod]:
        """Yield the methods whose response has a next_page_token. The first field of the response holds the items."""
        for file in self.files:
            for service in file.file.service:
                for method in service.method:
                    request, response = self._descriptor(method.input_type), self._descriptor(method.output_type)
                    if any(field.name == "next_page_token" for field in response.field):
                        items = response.field[0]
                        item = short(items.type_name)
                        yield ListMethod(service.name, method.name, request, response.name, items.name, item)

    def file_of(self, name: str) -> str:
        """Return the file that defines a message or a service, without its folder and ending. name: not qualified."""
        for file in self.files:
            declared = {*(each.name for each in file.file.message_type), *(each.name for each in file.file.service)}
            if name in declared:
                return Path(file.file.name).stem
        raise LookupError(f"{name} is not declared in the contract")

    def _descriptor(self, name: str) -> DescriptorProto:
        file, index = self.message(name)
        return file.file.message_type[index]


def unary_methods(service: ServiceDescriptorProto) -> Iterator[tuple[int, MethodDescriptorProto]]:
    """Yield the methods that are not streams, each with its index. The clients implement streams by hand."""
    for index, method in enumerate(service.method):
        if not (method.client_streaming or method.server_streaming):
            yield index, method


def first_sentence(comment: str) -> str:
    """Return the first sentence of a comment's first paragraph, in one line."""
    paragraph = " ".join(comment.partition("\n\n")[0].split())
    found = re.match(r".+?[.:](?=\s|$)", paragraph)
    return re.sub(r":$", ".", found[0] if found else paragraph)


def short(name: str) -> str:
    """Return the last part of a fully qualified name."""
    return name.rpartition(".")[2]


def camel_case(name: str) -> str:
    """Return the name of a field as protobuf generators write it after `get`, such as `TrustStores` of trust_stores."""
    return "".join(part.capitalize() for part in name.split("_"))
