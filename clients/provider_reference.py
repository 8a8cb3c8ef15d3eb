"""Generator of docs/providers.md: `python -m clients.provider_reference FILE`.

The adapters determine the methods that each provider type serves. The text comes from the module `notes` of each
provider package. A new provider type changes this page, but no proto and no stub.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from gateway.contract.descriptors import files_with_imports
from gateway.contract.methods import METHODS
from gateway.providers.base.notes import Note, ProviderNotes
from gateway.providers.base.provider import implemented_operations
from gateway.providers.catalog import PROVIDER_TYPES, USED_OPERATIONS

HEAD: Final = """\
# Providers: methods, limits, and notes

Generated from the adapters and the notes in [`gateway/providers`](../gateway/providers) by `make generate`.

The limits of the contract apply to every provider; see the [API reference](api.md). The limits on this page are those
of the upstreams. A request that exceeds one fails with INVALID_ARGUMENT: `INVALID_REQUEST` if the gateway checks the
limit, or the reason that the method lists if the upstream does. A method that a provider does not support fails with
UNIMPLEMENTED `METHOD_NOT_SUPPORTED_BY_PROVIDER`. The gateway serves ProviderService and AuditService itself.
"""


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """Return the page."""
    served = {name: implemented_operations(provider_type.create) for name, provider_type in PROVIDER_TYPES.items()}
    parts = [HEAD, *method_table(served)]
    for name, provider_type in PROVIDER_TYPES.items():
        parts += provider_section(name, provider_type.notes)
    return "\n".join(parts).rstrip() + "\n"


def method_table(served: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield the table of methods and provider types."""
    yield "## Methods\n"
    yield f"| method | {' | '.join(f'[`{name}`](#{name})' for name in served)} |"
    yield f"|---|{'---|' * len(served)}"
    for method in METHODS:
        if not method.served_by_gateway:
            used = frozenset(USED_OPERATIONS[method.operation])
            cells = " | ".join("yes" if used <= operations else "" for operations in served.values())
            yield f"| [{method.name}](api.md#{method.name.lower()}) | {cells} |"
    yield ""


def provider_section(name: str, notes: ProviderNotes) -> Iterator[str]:
    """Yield the section of one provider type."""
    yield f"## {name}\n"
    versions = ", ".join(api_versions(name))
    yield f"{notes.title}. {f'API versions: {versions}.' if versions else 'Its API has no versions.'}\n"
    yield "| applies to | limit or note |"
    yield "|---|---|"
    for note in notes.notes:
        check(name, note)
        yield f"| `{note.applies_to}` | {note.text} |"
    yield ""


def api_versions(provider_type: str) -> tuple[str, ...]:
    """Return the supported values of the setting `api_version`; empty if the type has no such setting."""
    field = PROVIDER_TYPES[provider_type].settings.model_fields.get("api_version")
    return tuple(get_args(field.annotation)) if field is not None else ()


def check(provider_type: str, note: Note) -> None:
    """Raise LookupError if a note applies to no method, message, or field of the contract."""
    owner, _, field = note.applies_to.partition(".")
    if not any(not field or field in descriptor.fields_by_name for descriptor in descriptors_of(owner)):
        raise LookupError(f"{provider_type}: the contract has no {note.applies_to}")


def descriptors_of(owner: str) -> Iterator[Any]:
    """Yield the request and the response of the method with this name, or the message with this name."""
    for method in METHODS:
        if method.name == owner:
            yield from (method.request.DESCRIPTOR, method.response.DESCRIPTOR)
    for file in files_with_imports():
        if owner in file.message_types_by_name:
            yield file.message_types_by_name[owner]


if __name__ == "__main__":
    sys.exit(main())
