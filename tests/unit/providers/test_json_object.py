"""JSON bodies within bounds."""

import json

import pytest

from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import MAXIMUM_ITEMS, JsonObject


@pytest.mark.parametrize(("item", "read"), [({}, JsonObject.objects), ("a", JsonObject.texts)])
def test_a_list_has_a_bound(item: object, read: object) -> None:
    assert callable(read)
    longest = JsonObject.parse(json.dumps({"data": [item] * MAXIMUM_ITEMS}).encode())
    assert len(read(longest, "data")) == MAXIMUM_ITEMS
    with pytest.raises(FormatError, match="data is not a list of at most"):
        read(JsonObject({"data": [item] * (MAXIMUM_ITEMS + 1)}), "data")
