"""The envelope reader of ASTERIA with arbitrary response bodies."""

import json
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.providers.asteria.envelope import read_envelope
from gateway.providers.base.errors import FormatError
from gateway.upstream.client import HttpResponse

FIELDS = ["result", "status", "code", "data", "error", "message", "x"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=8,
)


@given(json_values | st.binary(), st.sampled_from([200, 204, 400, 403, 500]))
def test_any_body_is_a_failure_or_data_or_malformed(content: object, status: int) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    response = HttpResponse(status, CIMultiDictProxy(CIMultiDict()), body)
    try:
        envelope = read_envelope(response)
    except FormatError:
        assert status < 300
    else:
        assert not envelope.successful or status < 300


def test_response_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = Mock(wraps=json.loads)
    monkeypatch.setattr(json, "loads", parse)
    body = b'{"result": {"status": "success", "data": {"exist": true}}}'
    envelope = read_envelope(HttpResponse(200, CIMultiDictProxy(CIMultiDict()), body))
    assert envelope.data is not None
    assert envelope.data.boolean("exist")
    assert parse.call_count == 1
