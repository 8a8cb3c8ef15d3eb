"""The page docs/providers.md and the notes of the provider types that it is generated from."""

from pathlib import Path

import pytest

from clients.provider_reference import check, page
from gateway.providers.base.notes import Note
from gateway.providers.catalog import PROVIDER_TYPES


def test_committed_page_matches_the_providers() -> None:
    assert Path("docs/providers.md").read_text() == page()


@pytest.mark.parametrize("provider_type", PROVIDER_TYPES)
def test_every_provider_type_has_notes(provider_type: str) -> None:
    assert PROVIDER_TYPES[provider_type].notes.notes


@pytest.mark.parametrize("applies_to", ["Encrypt", "Encrypt.plaintext", "GetSymmetricKey.key_version", "Key.name"])
def test_note_must_apply_to_something_in_the_contract(applies_to: str) -> None:
    if applies_to == "Key.name":
        with pytest.raises(LookupError, match=r"asteria: the contract has no Key\.name"):
            check("asteria", Note(applies_to, ""))
    else:
        check("asteria", Note(applies_to, ""))
