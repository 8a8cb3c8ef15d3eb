"""Response headers, parsed without a network."""

from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.upstream.messages import HttpResponse

DATE_LIKE = r"[A-Z][a-z]{2}, [0-9]{1,3} Dec [0-9]{1,12} [0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,3})? ([+-][0-9]{1,30}|GMT)?"


@given(st.text() | st.from_regex(DATE_LIKE, fullmatch=True))
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Fri, 31 Dec 1999 23:59:59 +99999999999999")
def test_any_retry_after_text_is_a_delay_or_none(text: str) -> None:
    headers = CIMultiDictProxy(CIMultiDict({"Retry-After": text}))
    seconds = HttpResponse(503, headers, b"").retry_after
    assert seconds is None or seconds >= 0
