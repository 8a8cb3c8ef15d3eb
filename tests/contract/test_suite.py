"""The contract suite reports what a new provider type lacks, and puts wrong values in every place of a body."""

import pytest

from gateway.emulators.catalog import EMULATOR_TYPES
from gateway.providers.base.provider import ProviderType
from gateway.providers.catalog import PROVIDER_TYPES
from tests.contract.suite import distorted, every_suite


def add_type(patch: pytest.MonkeyPatch) -> None:
    settings = type("NewSettings", (), {"__module__": "gateway.providers.new_vendor.settings"})
    (existing, *_) = PROVIDER_TYPES.values()
    patch.setitem(PROVIDER_TYPES, "new-vendor", ProviderType(settings, existing.create, existing.notes))


def test_missing_emulator_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    add_type(monkeypatch)
    with pytest.raises(LookupError, match=r"new-vendor has no emulator: .*gateway/emulators/catalog\.py"):
        every_suite()


def test_missing_contract_module_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    add_type(monkeypatch)
    (existing, *_) = EMULATOR_TYPES.values()
    monkeypatch.setitem(EMULATOR_TYPES, "new-vendor", existing)
    with pytest.raises(
        LookupError, match=r"new-vendor has no contract module: create tests/contract/providers/new_vendor\.py"
    ):
        every_suite()


def test_distorted_body_has_one_wrong_value_in_each_place() -> None:
    texts = list(distorted({"a": {"b": 1}, "c": "text"}))
    assert len(texts) == 4 * 4
    assert '{"a": {"b": null}, "c": "text"}' in texts
    assert '{"a": {"b": 1}, "c": 1e999}' in texts
    assert "null" in texts
