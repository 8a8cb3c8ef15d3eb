"""Generator of the Java client's services, which throw KeywayException: `python -m clients.java_services FOLDER`.

It writes one class per service of the contract and knows nothing about a particular service or method.
`clients/generate.py stubs` runs it.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import MethodDescriptorProto, ServiceDescriptorProto

from clients.api_reference import Commented
from clients.contract_reader import Contract, ListMethod, camel_case, first_sentence, short, unary_methods

PACKAGE: Final = "dev.keyway"
# The paths of comments consist of the field numbers in descriptor.proto.
_SERVICE, _METHOD = 6, 2

CLASS: Final = """\
package {package};

{imports}

/**
 * {doc}
 *
 * <p>Each call blocks its thread. A failed call throws {{@link KeywayException}}.
 *
 * <p>Generated from protos/ by {{@code make generate}}; do not edit.
 */
public final class {service} extends ServiceCalls<{service}BlockingStub, {service}> {{
    {service}({service}BlockingStub stub) {{
        super(stub);
    }}

    @Override
    {service} with({service}BlockingStub stub) {{
        return new {service}(stub);
    }}
{methods}}}
"""
METHOD: Final = """
    /** {doc} */
    public {response} {name}({request} request) {{
        return call(() -> stub().{name}(request));
    }}
"""
LIST: Final = """
    /** Returns the items of all pages of {{@link #{name}}}, starting with the page that the request names. */
    public Pages<{response}, {item}> all{plural}({request} request) {{
        return new Pages<>(
                request.getPageToken(),
                token -> {name}(request.toBuilder().setPageToken(token).build()),
                {response}::get{getter}List,
                {response}::getNextPageToken);
    }}
"""


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    contract = Contract.read()
    lists = list(contract.list_methods())
    for file in contract.files:
        for index, service in enumerate(file.file.service):
            own = [each for each in lists if each.service == service.name]
            text = service_class(file, index, service, own)
            (folder / f"{service.name}.java").write_text(text, encoding="utf-8")
    return 0


def service_class(file: Commented, index: int, service: ServiceDescriptorProto, lists: list[ListMethod]) -> str:
    """Return the text of one class. lists: the list methods of the service."""
    package = file.file.options.java_package
    return CLASS.format(
        package=PACKAGE,
        imports="\n".join(sorted(imports(package, service, lists))),
        doc=javadoc(file.text(_SERVICE, index)),
        service=service.name,
        methods="".join(
            call(method, file.text(_SERVICE, index, _METHOD, number)) for number, method in unary_methods(service)
        )
        + "".join(map(all_pages, lists)),
    )


def imports(package: str, service: ServiceDescriptorProto, lists: list[ListMethod]) -> Iterator[str]:
    yield f"import {package}.{service.name}Grpc.{service.name}BlockingStub;"
    messages = {short(name) for _, method in unary_methods(service) for name in (method.input_type, method.output_type)}
    for name in messages | {each.item for each in lists}:
        yield f"import {package}.{name};"


def call(method: MethodDescriptorProto, comment: str) -> str:
    """Return one method of a class."""
    return METHOD.format(
        doc=javadoc(comment),
        name=method.name[0].lower() + method.name[1:],
        request=short(method.input_type),
        response=short(method.output_type),
    )


def all_pages(method: ListMethod) -> str:
    """Return the method that iterates over the items of a list method."""
    return LIST.format(
        name=method.name[0].lower() + method.name[1:],
        plural=method.plural,
        request=method.request.name,
        response=method.response,
        item=method.item,
        getter=camel_case(method.field),
    )


def javadoc(comment: str) -> str:
    """Return the first sentence of a comment as Javadoc."""
    escaped = first_sentence(comment).replace("&", "&amp;").replace("<", "&lt;").replace("*/", "*&#47;")
    return re.sub(r"`([^`]+)`", r"{@code \1}", escaped)


if __name__ == "__main__":
    sys.exit(main())
