"""The response envelope of the NHN Cloud services, and path segments of URLs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.errors import InvalidRequest
from gateway.providers.base.urls import MAXIMUM_SEGMENT_BYTES, path_segment
from gateway.providers.nhn.envelope import read_envelope
from gateway.upstream.client import HttpResponse


@pytest.mark.parametrize("code", ["E-1001", "", [], {}, True, 1.5, "9" * 30, 10**40])
def test_unreadable_code_is_ignored(code: object) -> None:
    header = {"isSuccessful": False, "resultCode": code, "resultMessage": "Invalid Key ID"}
    body = json.dumps({"header": header}).encode()
    envelope = read_envelope(HttpResponse(400, CIMultiDictProxy(CIMultiDict()), body))
    assert (envelope.successful, envelope.code, envelope.message) == (False, "", "Invalid Key ID")


@pytest.mark.parametrize("segment", ["a" * MAXIMUM_SEGMENT_BYTES, "/" * (MAXIMUM_SEGMENT_BYTES // 3)])
def test_segment_that_is_too_long_is_rejected(segment: str) -> None:
    assert path_segment(segment).startswith(("aaa", "%2F"))
    with pytest.raises(InvalidRequest) as caught:
        path_segment(segment + "//")
    (violation,) = caught.value.violations
    assert violation.field == "name"
    assert str(MAXIMUM_SEGMENT_BYTES) in violation.description


@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_encoded_segment_has_no_reserved_characters(segment: str) -> None:
    assert path_segment(segment).isascii()
    assert not set(path_segment(segment)) & set("/?# ")
