"""Generator of the Python client's typed services, `keyway/services.py`: `python -m clients.python_services FILE`.

It reads the contract and knows nothing about a particular service or method. `clients/generate.py stubs` runs it.
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto

from clients.api_reference import Commented
from clients.contract_reader import Contract, first_sentence, short, unary_methods

OPTIONS: Final = ("timeout", "metadata", "wait_for_ready")
WIDTH: Final = 112
NEWLINE: Final = "\n"
# The paths of comments consist of the field numbers in descriptor.proto.
_MESSAGE, _SERVICE, _FIELD, _METHOD = 4, 6, 2, 2

HEAD: Final = '''\
"""Services with one typed method per call, sync and asyncio. Generated from protos/ by `make generate`; do not edit.

A method in snake case (`encrypt`) takes the fields of the request as keywords, or one request: a message or a mapping.
A method in camel case (`Encrypt`) is the method of the gRPC stub.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Unpack, cast, overload

import grpc
import grpc.aio

from keyway.methods import AsyncCall, AsyncMethod, CallOptions, Method, call
'''

CLASS: Final = '''

class {prefix}{service}:
    """{doc}"""

    def __init__(self, channel: {channel}) -> None:
        stub = cast("Any", {service}Stub(channel))
'''
ATTRIBUTE: Final = "        self.{method}: {prefix}Method[{request}, {response}] = stub.{method}\n"
CALL: Final = '''
    @overload
    def {name}(self, request: {request} | Mapping[str, Any], /, **options: Unpack[CallOptions]) -> {result}: ...
    @overload
    def {name}(
        self,
        *,
{fields}        **options: Unpack[CallOptions],
    ) -> {result}: ...
    def {name}(self, *request: Any, **arguments: Any) -> {result}:
        """{doc}
        """
        return call(self.{method}, {request}, request, arguments)
'''

_SCALARS: Final = {
    FieldDescriptorProto.TYPE_STRING: "str",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_DOUBLE: "float",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_ENUM: "int | str",  # a number, or the name of a value
}


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(services(Contract.read()), encoding="utf-8")
    return 0


def services(contract: Contract) -> str:
    """Return the text of the module."""
    classes = []
    for file in contract.files:
        for index, service in enumerate(file.file.service):
            for prefix in ("", "Async"):
                classes.append("".join(service_class(contract, file, index, service, prefix)))
    return HEAD + imports(contract, "".join(classes)) + "".join(classes)


def imports(contract: Contract, body: str) -> str:
    """Return the imports of the messages and stubs that `body` refers to."""
    words = set(re.findall(r"\w+", body))
    found = []
    for file in contract.files:
        messages = [message.name for message in file.file.message_type if message.name in words]
        stubs = [f"{service.name}Stub" for service in file.file.service]
        found += [(f"{module(file)}{ending}", names) for ending, names in (("", messages), ("_grpc", stubs)) if names]
    return "".join(
        f"from keyway.v1.{name} import (\n{''.join(f'    {each},{NEWLINE}' for each in sorted(names))})\n"
        for name, names in sorted(found)
    )


def service_class(
    contract: Contract, file: Commented, index: int, service: ServiceDescriptorProto, prefix: str
) -> Iterator[str]:
    """Yield one class. prefix: `Async` for asyncio."""
    yield CLASS.format(
        prefix=prefix,
        service=service.name,
        doc=f"`{service.name}` for asyncio." if prefix else first_sentence(file.text(_SERVICE, index)),
        channel="grpc.aio.Channel" if prefix else "grpc.Channel",
    )
    for _, method in unary_methods(service):
        request, response = short(method.input_type), short(method.output_type)
        yield ATTRIBUTE.format(method=method.name, prefix=prefix, request=request, response=response)
    for number, method in unary_methods(service):
        yield call(contract, method, file.text(_SERVICE, index, _METHOD, number), prefix)


def call(contract: Contract, method: MethodDescriptorProto, comment: str, prefix: str) -> str:
    """Return one method of a class, with both overloads."""
    response = short(method.output_type)
    return CALL.format(
        name=snake_case(method.name),
        method=method.name,
        request=short(method.input_type),
        result=f"AsyncCall[{response}]" if prefix else response,
        fields="".join(f"        {line},\n" for line in parameters(contract, method)),
        doc="\n".join(documentation(contract, method, comment)),
    )


def parameters(contract: Contract, method: MethodDescriptorProto) -> Iterator[str]:
    """Yield the keyword parameters: required fields have no default."""
    file, index = contract.message(method.input_type)
    for field in file.file.message_type[index].field:
        if field.name in OPTIONS:
            raise ValueError(f"{method.input_type}: the field {field.name} has the name of a call option")
        kind = type_of(field)
        yield f"{field.name}: {kind}" if is_required(field) else f"{field.name}: {kind} | None = None"


def is_required(field: FieldDescriptorProto) -> bool:
    extension: Any = field_behavior_pb2.field_behavior  # its published type matches no extension
    return field_behavior_pb2.REQUIRED in field.options.Extensions[extension]


def type_of(field: FieldDescriptorProto) -> str:
    """Return the type annotation of a keyword."""
    if field.type == FieldDescriptorProto.TYPE_MESSAGE:
        kind = f"{short(field.type_name)} | Mapping[str, Any]"
    else:
        kind = _SCALARS.get(field.type, "int")
    return f"Iterable[{kind}]" if field.label == FieldDescriptorProto.LABEL_REPEATED else kind


def documentation(contract: Contract, method: MethodDescriptorProto, comment: str) -> Iterator[str]:
    """Yield the lines of a method's docstring: the first sentence of its comment and of the comment of each field."""
    yield wrapped(first_sentence(comment), "        ").lstrip()
    file, index = contract.message(method.input_type)
    fields = file.file.message_type[index].field
    if fields:
        yield "\n        Fields:"
    for number, field in enumerate(fields):
        text = first_sentence(file.text(_MESSAGE, index, _FIELD, number))
        yield wrapped(f"{field.name}: {text}", "            ", "                ")


def wrapped(text: str, indent: str, hang: str | None = None) -> str:
    """`text` in lines; hang: the indentation of all lines but the first."""
    escaped = text.replace("\\", "\\\\")
    return textwrap.fill(escaped, WIDTH, initial_indent=indent, subsequent_indent=hang or indent)


def module(file: Commented) -> str:
    return f"{Path(file.file.name).stem}_pb2"


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


if __name__ == "__main__":
    sys.exit(main())
