"""Limits on the lists of a JSON body."""

import json

import pytest

from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import MAXIMUM_ITEMS, JsonObject


@pytest.mark.parametrize(("item", "read"), [({}, JsonObject.objects), ("a", JsonObject.texts)])
def test_list_length_is_limited(item: object, read: object) -> None:
    assert callable(read)
    longest = JsonObject.parse(json.dumps({"data": [item] * MAXIMUM_ITEMS}).encode())
    assert len(read(longest, "data")) == MAXIMUM_ITEMS
    with pytest.raises(FormatError, match="data is not a list of at most"):
        read(JsonObject({"data": [item] * (MAXIMUM_ITEMS + 1)}), "data")
