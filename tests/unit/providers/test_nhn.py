"""What the NHN Cloud services share: the envelope, and names in URLs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.errors import InvalidRequest
from gateway.providers.nhn.envelope import MAXIMUM_SEGMENT_BYTES, encoded_segment, read_envelope
from gateway.upstream.client import HttpResponse


@pytest.mark.parametrize("code", ["E-1001", "", [], {}, True, 1.5, "9" * 30, 10**40])
def test_a_code_that_cannot_be_read_is_no_code(code: object) -> None:
    header = {"isSuccessful": False, "resultCode": code, "resultMessage": "Invalid Key ID"}
    body = json.dumps({"header": header}).encode()
    envelope = read_envelope(HttpResponse(400, CIMultiDictProxy(CIMultiDict()), body))
    assert (envelope.successful, envelope.code, envelope.message) == (False, None, "Invalid Key ID")


@pytest.mark.parametrize("segment", ["a" * MAXIMUM_SEGMENT_BYTES, "/" * (MAXIMUM_SEGMENT_BYTES // 3)])
def test_a_segment_fits_into_a_url(segment: str) -> None:
    assert encoded_segment(segment).startswith(("aaa", "%2F"))
    with pytest.raises(InvalidRequest) as caught:
        encoded_segment(segment + "//")
    (violation,) = caught.value.violations
    assert violation.field == "name"
    assert str(MAXIMUM_SEGMENT_BYTES) in violation.description


@given(st.text(st.characters(codec="utf-8"), max_size=100))
def test_an_encoded_segment_is_one_of_a_url(segment: str) -> None:
    assert encoded_segment(segment).isascii()
    assert not set(encoded_segment(segment)) & set("/?# ")
