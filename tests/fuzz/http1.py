"""Responses of an upstream on the wire: damaged status lines, headers, and chunks."""

from typing import Final

from hypothesis import strategies as st

from tests.fuzz.gateway import GOOD, UpstreamResponse
from tests.fuzz.mutations import damaged

_WHOLE: Final = GOOD.pieces[0]
_BODY: Final = _WHOLE.partition(b"\r\n\r\n")[2]
_HALF: Final = len(_BODY) // 2


def _chunk(body: bytes, size: bytes | None = None) -> bytes:
    return (f"{len(body):x}".encode() if size is None else size) + b"\r\n" + body + b"\r\n"


_CHUNKED: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    + _chunk(_BODY[:_HALF])
    + _chunk(_BODY[_HALF:])
    + b"0\r\nTrailer: x\r\n\r\n"
)
_EXAMPLES: Final = [
    _WHOLE,
    _CHUNKED,
    b"HTTP/1.1 100 Continue\r\n\r\n" + _WHOLE,
    b"HTTP/1.0 200 OK\r\n\r\n" + _BODY,
    b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
]
_NUMBERS: Final = [
    b"0",
    b"1",
    b"-1",
    b"+1",
    b"0x10",
    b"1, 1",
    b"",
    b" ",
    b"9" * 20,
    b"9" * 500,
    b"18446744073709551616",
    b"1_0",
]
_DATES: Final = [
    b"Wed, 21 Oct 2015 07:28:00 GMT", b"Wed, 21 Oct 99999 07:28:00 GMT", b"Thu, 30 Feb 2026 25:61:61 +9999",
    b"Mon, 31 Dec 9999 23:59:59 -2359", b"Sat, 01 Jan 0001 00:00:00 +2359", b"1 Jan 2026 0:0 -0000", b"1 1 1 1 1 1",
]  # fmt: skip
_HEADERS: Final[dict[bytes, list[bytes]]] = {
    b"Content-Length": _NUMBERS,
    b"Transfer-Encoding": [b"chunked", b"Chunked", b"gzip, chunked", b"identity", b"chunked, chunked", b"x"],
    b"Content-Encoding": [b"gzip", b"identity", b"br", b""],
    b"Content-Type": [b"application/json; charset=x", b"text/html", b"application/json;;=", b"", b"\xff"],
    b"Keep-Alive": [b"timeout=" + number for number in _NUMBERS] + [b"timeout", b"max=1,timeout=1", b",,="],
    b"Retry-After": _NUMBERS + _DATES,
    b"Connection": [b"close", b"keep-alive", b"upgrade", b"close, keep-alive"],
    b"Upgrade": [b"h2c", b"websocket"],
    b"Content-Disposition": [b'attachment; filename="a', b"filename*=x'y'%zz"],
    b"X": [b"\xff\xfe", b"x" * 70_000, b"\x00", b"a\r\n b"],
}
_STATUS_LINES: Final = st.one_of(
    st.integers(0, 1000).map(lambda status: b"HTTP/1.1 %03d X\r\n" % status),
    st.sampled_from([b"HTTP/1.1 200 OK\r\n"] * 3 + [b"HTTP/1.1 503 X\r\n", b"HTTP/1.1 429 X\r\n"]),
    st.sampled_from(
        [b"HTTP/1.1 200\r\n", b"HTTP/2 200\r\n", b"HTTP/0.9 200 OK\r\n", b"HTTP/1.1 101 X\r\n", b"ICY 200 OK\r\n"]
    ),
    st.binary(max_size=20).map(lambda line: line + b"\r\n"),
)
_LINES: Final = st.one_of(
    st.sampled_from([b"%b: %b\r\n" % (name, value) for name, values in _HEADERS.items() for value in values]),
    st.sampled_from([b"%b : %b\n" % (name, values[0]) for name, values in _HEADERS.items()]),
    st.binary(max_size=20).map(lambda line: line + b"\r\n"),
)
_CHUNK_SIZES: Final = st.sampled_from(
    [b"0", b"-1", b"f" * 17, b"1;a=b", b"1;" + b"x" * 5000, b" 1", b"", b"g", b"00001"]
)
_BODIES: Final = st.one_of(
    st.just(_BODY),
    st.binary(max_size=40),
    st.just(_CHUNKED.partition(b"\r\n\r\n")[2]),
    st.lists(st.builds(_chunk, st.binary(max_size=5), st.none() | _CHUNK_SIZES), max_size=5).map(b"".join),
)
_BUILT: Final = st.builds(
    lambda status, lines, end, body: status + b"".join(lines) + end + body,
    _STATUS_LINES,
    st.lists(_LINES, max_size=4),
    st.sampled_from([b"\r\n"] * 9 + [b"\n", b""]),
    _BODIES,
)
_WIRE: Final = st.one_of(*map(damaged, _EXAMPLES), *[_BUILT] * len(_EXAMPLES))


def _split(content: bytes, size: int) -> UpstreamResponse:
    return UpstreamResponse([content[start : start + size] for start in range(0, len(content), size)])


RESPONSES: Final = st.one_of(
    st.builds(_split, _WIRE, st.sampled_from([1 << 20, 1 << 20, 100, 7])),
    _WIRE.map(lambda content: UpstreamResponse([content], keeps=True)),
)
