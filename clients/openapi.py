"""Generator of the OpenAPI description of REST/JSON: `python -m clients.openapi FILE`.

All text comes from the comments and options in protos/.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from google.api import resource_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from clients.api_reference import Commented
from clients.contract_reader import Contract, first_sentence, short
from clients.http_rules import Binding
from clients.openapi_schemas import Schema, Schemas, flattened, is_required, reference
from clients.rest_bindings import BoundMethod, bound_methods, messages
from gateway import __version__

INTRODUCTION: Final = """\
Keyway's contract over HTTP, through Envoy. `docs/rest.md` describes how to run it.

Bytes are Base64. Unknown fields and query parameters are rejected with 400. Names are compared exactly; percent-encode
`/` in a segment of a name as `%252F`, and `:` as `%3A`."""

STATUSES: Final[Mapping[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP status of each gRPC status code, as Envoy converts it."""

# Field numbers from descriptor.proto. The path of a comment is a list of these numbers and of indexes.
_MESSAGE, _SERVICE, _FIELD, _METHOD = 4, 6, 2, 2
_CLIENT_CLOSED_REQUEST: Final = "Client Closed Request"
_OF_ENVOY: Final[Mapping[int, str]] = {
    408: "the request did not arrive in time",
    413: "the body is too large",
    431: "the path and the headers are too large",
    502: "the gateway is not reachable",
}
"""The statuses that only Envoy returns."""
_SEGMENT: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1024,
    "pattern": r"^(?!\.{1,2}$)[^/\x00-\x1f\x7f-\x9f]+$",
}
_VERSION: Final = {"type": "integer", "format": "int32", "minimum": 0}
_HEADERS: Final = {
    "keyway-request-id": {"$ref": "#/components/headers/keyway-request-id"},
    "keyway-audit-receipt": {"$ref": "#/components/headers/keyway-audit-receipt"},
}


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(Description(Contract.read()).document(), indent=2, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")
    return 0


class Description:
    """The description of the contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._messages = messages(contract)
        self._schemas = Schemas(contract)
        self._variables = dict(collections(contract))
        self._comments = {
            (f"{file.file.package}.{service.name}", method.name): (
                file.text(_SERVICE, index),
                file.text(_SERVICE, index, _METHOD, number),
            )
            for file in contract.files
            for index, service in enumerate(file.file.service)
            for number, method in enumerate(service.method)
        }

    def document(self) -> Schema:
        """Return the complete description."""
        paths: dict[str, Schema] = {}
        for method in bound_methods(self._contract):
            for index, binding in enumerate(method.bindings):
                path = self._path(binding)
                paths.setdefault(path, {})[binding.verb.lower()] = self._operation(method, binding, index)
        return {
            "openapi": "3.0.3",
            "info": {
                "title": "Keyway",
                "version": __version__,
                "description": INTRODUCTION,
                "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            },
            "servers": [{"url": "https://localhost:8443", "description": "`make rest`"}],
            "security": [{"bearer": []}],
            "tags": list(self._tags()),
            "paths": paths,
            "components": {
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
                "headers": shared_headers(),
                "responses": {
                    response_name(status): error(status) for status in sorted({*STATUSES.values(), *_OF_ENVOY})
                },
                "schemas": dict(sorted(self._schemas.made.items())),
            },
        }

    def _tags(self) -> Iterator[Schema]:
        for file in self._contract.files:
            for index, service in enumerate(file.file.service):
                yield {"name": service.name, "description": file.text(_SERVICE, index)}

    def _path(self, binding: Binding) -> str:
        """Return the path with a parameter for each segment of a name."""
        parts = binding.pattern.split("/")
        for index, part in enumerate(parts):
            parts[index] = part.replace("*", f"{{{self._variables.get(parts[index - 1], '')}}}")
        return "/".join(parts)

    def _operation(self, method: BoundMethod, binding: Binding, index: int) -> Schema:
        service_text, text = self._comments[method.service, method.name]
        operation: Schema = {
            "operationId": f"{method.name}{index + 1 if index else ''}",
            "tags": [short(method.service)],
            "summary": first_sentence(text).rstrip("."),
            "description": text,
        }
        parameters = [*self._path_parameters(binding), *self._query_parameters(method, binding)]
        if parameters:
            operation["parameters"] = parameters
        if binding.has_body:
            operation["requestBody"] = self._body(method, binding)
        operation["responses"] = self._responses(method, f"{service_text}\n{text}")
        return operation

    def _path_parameters(self, binding: Binding) -> Iterator[Schema]:
        for name in re.findall(r"\{(\w+)\}", self._path(binding)):
            schema = _VERSION if name == "version" else _SEGMENT
            yield {"name": name, "in": "path", "required": True, "schema": schema}

    def _query_parameters(self, method: BoundMethod, binding: Binding) -> Iterator[Schema]:
        if binding.has_body:
            return
        for name, field in flattened(self._messages[method.request], self._messages):
            if name != binding.path_field and not field.options.debug_redact:
                yield {"name": name, "in": "query", **self._parameter(field)}

    def _parameter(self, field: FieldDescriptorProto) -> Schema:
        described = comment_of(field, self._contract)
        return {"required": is_required(field), "description": described, "schema": self._schemas.field(field)}

    def _body(self, method: BoundMethod, binding: Binding) -> Schema:
        schema = self._schemas.object(method.request, without=binding.path_field)
        name = f"{method.name}Body"
        self._schemas.made[name] = schema
        return {
            "required": "required" in schema,
            "content": {"application/json": {"schema": reference(name)}},
        }

    def _responses(self, method: BoundMethod, text: str) -> Schema:
        success: Schema = {"description": "The response.", "headers": _HEADERS}
        if method.streaming:
            success["description"] = (
                "The events, each as a JSON object on a line of its own. `docs/rest.md` describes when it ends."
            )
        success["content"] = {"application/json": {"schema": self._schemas.message(method.response)}}
        documented = {status for code, status in STATUSES.items() if re.search(rf"\b{code}\b\s+`", text)}
        errors = sorted(documented | {400, 401, 404, *_OF_ENVOY, 499, 503, 504})
        references = {str(status): {"$ref": f"#/components/responses/{response_name(status)}"} for status in errors}
        return {"200": success, **references}


def collections(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield each collection of the resource names with the variable of its items, such as `keys` and `key`."""
    for file in contract.files:
        for pattern in patterns(file):
            yield from re.findall(r"(\w+)/\{(\w+)\}", pattern)


def patterns(file: Commented) -> Iterator[str]:
    """Yield the patterns of the resource names that a file defines."""
    definition: Any = resource_pb2.resource_definition  # their published types are not those of extensions
    resource: Any = resource_pb2.resource
    for defined in file.file.options.Extensions[definition]:
        yield from defined.pattern
    for message in file.file.message_type:
        yield from message.options.Extensions[resource].pattern


def comment_of(field: FieldDescriptorProto, contract: Contract) -> str:
    """Return the comment of a field of the contract."""
    for file in contract.files:
        for index, message in enumerate(file.file.message_type):
            for number, each in enumerate(message.field):
                if each is field:
                    return file.text(_MESSAGE, index, _FIELD, number)
    raise LookupError(f"{field.name} is not a field of the contract")


def phrase(status: int) -> str:
    """Return the name of an HTTP status."""
    return _CLIENT_CLOSED_REQUEST if status == STATUSES["CANCELLED"] else HTTPStatus(status).phrase


def response_name(status: int) -> str:
    """Return the name of the component for an error, such as `NotFound`."""
    return "".join(word.capitalize() for word in phrase(status).split())


def error(status: int) -> Schema:
    """Return the description of an error."""
    codes = " or ".join(code for code, each in STATUSES.items() if each == status)
    meaning = codes or _OF_ENVOY[status]
    return {
        "description": f"{phrase(status)}: {meaning}.",
        "headers": _HEADERS,
        "content": {"application/json": {"schema": reference("Status")}},
    }


def shared_headers() -> Schema:
    """Return the headers of responses."""
    return {
        "keyway-request-id": {
            "description": "The ID of the request. Absent if Envoy rejected the request.",
            "schema": {"type": "string"},
        },
        "keyway-audit-receipt": {
            "description": "The receipt of the audit record: chain, sequence number, and hash, separated by colons. "
            "Absent if the gateway did not record the call.",
            "schema": {"type": "string"},
        },
    }


if __name__ == "__main__":
    sys.exit(main())
