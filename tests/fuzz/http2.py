"""Inputs and attempts at the HTTP/2 listener of a gateway: metadata of every kind, and frames in any order."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hpack import Encoder
from hyperframe import frame as frames
from hypothesis import strategies as st

from tests.fuzz.gateway import FuzzedGateway
from tests.support import http2_frames as h2
from tests.support.http2_peer import Peer

Field = tuple[bytes, bytes]

TOKEN: Final = b"TOKEN"
"""Stands for a valid token in an input."""

_END_SECONDS: Final = 40.0
_ANSWER_SECONDS: Final = 0.1
_MAXIMUM_FRAME_BYTES: Final = 1 << 14
_NEVER_ENDS: Final = 0
"""The number of the connection itself."""
_LIST: Final = b"/keyway.v1.ProviderService/ListProviders"
_PATHS: Final = st.sampled_from(
    [
        _LIST,
        b"/keyway.v1.KeyService/Encrypt",
        b"/keyway.v1.KeyService/BatchEncrypt",
        b"/grpc.health.v1.Health/Check",
        b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        b"/keyway.v1.KeyService/Unknown",
        b"",
        b"//",
        b"/\xff/\0",
    ]
)
_AUTHORIZATION: Final = (b"authorization", b"Bearer " + TOKEN)
_NUMBERS: Final = [b"0", b"1", b"-1", b"99999999", b"100000000", b"4294967296", b"1e9", b" 1", b"", b"\xff"]
_TRACE: Final = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"
_KNOWN: Final[dict[bytes, list[bytes]]] = {
    b"authorization": [b"", b"Bearer", b"Bearer ", b"bearer  " + TOKEN, b"Basic YTpi", TOKEN, b"Bearer a.b.c",
                       b"Bearer " + TOKEN + b".", b"Bearer \xc3\xa9", b"Bearer " + b"e30." * 500],
    b"grpc-timeout": [number + unit for number in _NUMBERS for unit in (b"H", b"M", b"S", b"m", b"u", b"n", b"", b"x")],
    b"grpc-encoding": [b"identity", b"gzip", b"deflate", b"br", b"", b"gzip,gzip"],
    b"grpc-accept-encoding": [b"", b"identity,gzip", b"," * 100, b"x" * 500],
    b"grpc-tags-bin": [b"AAAA", b"=", b"A", b"\xff"],
    b"grpc-trace-bin": [b"AAAA", b"A===", b"!"],
    b"grpc-previous-rpc-attempts": _NUMBERS,
    b"grpc-status": _NUMBERS,
    b"traceparent": [_TRACE + end for end in (b"01", b"zz", b"01-more", b"")] + [b"ff" + _TRACE[2:] + b"01"],
    b"tracestate": [b"a=1", b"=" * 600, b"a=\x7f"],
    b"x-request-id": [b"request-1", b"x" * 129, b"\xed\xa0\x80", b"a\tb"],
    b"x-service-name": [b"orders", b"\xea\xb0\x80", b""],
    b"user-agent": [b"grpc", b"x" * 5000, b"\xff"],
    b"cache-control": [b"no-cache", b"no-cache, no-store", b"\xff"],
    b"content-type": [b"application/grpc+proto", b"application/grpc-web", b"text/html", b"", b"application/grpc;\xff"],
    b"te": [b"", b"gzip"],
    b":path": [_LIST, b"", b"/", b"*"],
    b":method": [b"GET", b"PUT", b"CONNECT", b""],
    b":scheme": [b"http", b"ftp", b""],
    b":authority": [b"", b"a:b:c", b"\xff", b"[::1"],
    b":status": [b"200"],
    b"host": [b"", b"other"],
    b"connection": [b"close"],
    b"content-length": _NUMBERS,
    b"lb-token": [b"x"],
    b"expect": [b"100-continue"],
}  # fmt: skip
_VALUES: Final = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
    st.builds(lambda byte, count: byte * count, st.binary(min_size=1, max_size=1), st.integers(1000, 20_000)),
)
_NAMES: Final = st.one_of(
    st.sampled_from(sorted(_KNOWN)),
    st.from_regex(r"x-[a-z]{0,3}(-bin)?", fullmatch=True).map(str.encode),
    st.binary(max_size=10),
)
_KNOWN_FIELDS: Final = st.sampled_from(sorted(_KNOWN)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(_KNOWN[name]))
)
_FIELDS: Final = st.one_of(_KNOWN_FIELDS, _KNOWN_FIELDS, st.tuples(_NAMES, _VALUES))


@st.composite
def header_lists(draw: st.DrawFn) -> list[Field]:
    """The headers of a call, usually with a valid token, and with added, replaced, repeated, or removed fields."""
    metadata = [_AUTHORIZATION] if draw(st.integers(0, 9)) else []
    fields = [*h2.call_headers(draw(_PATHS) if draw(st.booleans()) else _LIST, metadata)]
    for name, value in draw(st.lists(_FIELDS, max_size=5)):
        match draw(st.sampled_from(["add", "add", "replace", "repeat"])):
            case "replace":
                fields = [field for field in fields if field[0] != name]
            case "repeat":
                fields += [(name, value)] * draw(st.integers(1, 20))
        fields.insert(draw(st.integers(4, len(fields))) if len(fields) > 4 else len(fields), (name, value))
    if draw(st.integers(0, 15)) == 0:
        fields.pop(draw(st.integers(0, len(fields) - 1)))
    return fields


CALLS: Final = st.lists(header_lists(), min_size=1, max_size=8)


def send_metadata(gateway: FuzzedGateway, calls: list[list[Field]]) -> None:
    """Make calls with these headers on one connection. The gateway must end every call, or close the connection."""
    peer = Peer(gateway.address)
    peer.begin()
    encoder = Encoder()
    streams = range(1, 2 * len(calls), 2)
    for stream, fields in zip(streams, calls, strict=True):
        call = Call(stream, fields, _MAXIMUM_FRAME_BYTES, ends=True, body=h2.message_start(0))
        peer.send(call.encoded(encoder, gateway))
    _read_until_ended(peer, set(streams), _END_SECONDS)
    left = set() if peer.closed else set(streams) - peer.ended
    peer.close()
    assert not left, f"these streams have not ended after {_END_SECONDS} s: {left}"


def _read_until_ended(peer: Peer, streams: set[int], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not peer.closed and not peer.ended >= streams and (left := end - time.monotonic()) > 0:
        peer.read(left)


def with_token(fields: Sequence[Field], gateway: FuzzedGateway) -> list[Field]:
    """Return the fields with a valid token in place of TOKEN."""
    return [(name, value.replace(TOKEN, gateway.token.encode())) for name, value in fields]


@dataclass(frozen=True)
class Call:
    """The frames of a call: HEADERS with CONTINUATION frames of `piece` bytes, and DATA if `body` is not None."""

    stream: int
    fields: list[Field]
    piece: int
    ends: bool
    body: bytes | None

    def encoded(self, encoder: Encoder, gateway: FuzzedGateway) -> bytes:
        """Return the frames."""
        block = encoder.encode(with_token(self.fields, gateway))
        parts = [block[start : start + self.piece] for start in range(0, len(block), self.piece)] or [b""]
        first = frames.HeadersFrame(self.stream, parts[0], flags=["END_STREAM"] if self.body is None else [])
        others: list[frames.Frame] = [frames.ContinuationFrame(self.stream, part) for part in parts[1:]]
        (others or [first])[-1].flags.add("END_HEADERS")
        sent: list[frames.Frame] = [first, *others]
        if self.body is not None:
            sent.append(frames.DataFrame(self.stream, self.body, flags=["END_STREAM"] if self.ends else []))
        return b"".join(each.serialize() for each in sent)


@dataclass(frozen=True)
class Conversation:
    """What a peer sends on one connection. preface: before all steps. cut: bytes missing at the end.

    damage: places, lengths, and new bytes of changes. apart: whether each step is sent separately.
    """

    preface: bytes
    steps: list[bytes | frames.Frame | Call]
    damage: list[tuple[int, int, bytes]]
    cut: int
    apart: bool


_STREAMS: Final = st.sampled_from([1, 1, 1, 3, 5, 7, 2, 2**31 - 1])
_U32: Final = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
_BODIES: Final = st.one_of(
    st.none(),
    st.just(h2.message_start(0)),
    st.just(h2.message_start(0) * 3),
    st.builds(
        lambda flag, size, body: bytes([flag]) + size.to_bytes(4) + body,
        st.integers(0, 255),
        _U32,
        st.binary(max_size=50),
    ),
    st.builds(
        lambda flag, body: bytes([flag]) + len(body).to_bytes(4) + body, st.integers(0, 2), st.binary(max_size=50)
    ),
    st.binary(max_size=10),
)
_GOOD_FIELDS: Final = _PATHS.map(lambda path: [*h2.call_headers(path, [_AUTHORIZATION])])
_CALL_STEPS: Final = st.builds(
    Call,
    stream=_STREAMS,
    fields=_GOOD_FIELDS | _GOOD_FIELDS | header_lists(),
    piece=st.sampled_from([_MAXIMUM_FRAME_BYTES] * 2 + [50, 7]),
    ends=st.booleans(),
    body=_BODIES,
)
_SHORT: Final = st.binary(max_size=30)
_END: Final[st.SearchStrategy[list[str]]] = st.just(["END_STREAM"]) | st.just([])
_HEADERS_END: Final = st.lists(st.sampled_from(["END_STREAM", "END_HEADERS"]), max_size=2)
_BYTE: Final = st.integers(0, 255)
_PADDED: Final = st.just(["PADDED"])
_SETTINGS: Final = st.dictionaries(st.sampled_from([1, 2, 3, 4, 5, 6, 8, 0xFE03, 9, 65535]), _U32, max_size=4)
_CONTROL_FRAMES: Final = st.one_of(
    st.builds(frames.PriorityFrame, stream_id=_STREAMS, depends_on=_STREAMS, stream_weight=_BYTE),
    st.builds(frames.RstStreamFrame, stream_id=_STREAMS, error_code=_U32),
    st.builds(frames.SettingsFrame, settings=_SETTINGS),
    st.just(frames.SettingsFrame(flags=["ACK"])),
    st.builds(frames.PingFrame, opaque_data=st.binary(min_size=8, max_size=8), flags=st.just(["ACK"]) | st.just([])),
    st.builds(frames.WindowUpdateFrame, stream_id=_STREAMS | st.just(0), window_increment=st.integers(1, 2**31 - 1)),
    st.builds(frames.ExtensionFrame, type=st.integers(11, 255), stream_id=_STREAMS, flag_byte=_BYTE, body=_SHORT),
)  # fmt: skip
_OTHER_FRAMES: Final = st.one_of(
    st.builds(frames.DataFrame, stream_id=_STREAMS, data=_SHORT, flags=_END),
    st.builds(frames.DataFrame, stream_id=_STREAMS, data=_SHORT, flags=_PADDED, pad_length=_BYTE),
    st.builds(frames.HeadersFrame, stream_id=_STREAMS, data=_SHORT, flags=_HEADERS_END),
    st.builds(frames.ContinuationFrame, stream_id=_STREAMS, data=_SHORT, flags=st.just(["END_HEADERS"]) | st.just([])),
    st.builds(frames.PushPromiseFrame, stream_id=_STREAMS, promised_stream_id=st.sampled_from([2, 4]), data=_SHORT),
    st.builds(frames.GoAwayFrame, last_stream_id=_STREAMS, error_code=_U32, additional_data=_SHORT),
    st.builds(frames.AltSvcFrame, stream_id=st.just(0), origin=_SHORT, field=_SHORT),
)  # fmt: skip


def _raw(kind: int, flags: int, stream: int, payload: bytes, length: int | None) -> bytes:
    size = len(payload) if length is None else length
    return size.to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


_RAW_FRAMES: Final = st.builds(
    _raw,
    st.integers(0, 12),
    st.integers(0, 255),
    st.sampled_from([0, 0, 1, 1, 3, 2**31, 2**32 - 1]),
    st.binary(max_size=40),
    st.none() | st.none() | st.integers(0, 2**24 - 1),
)
_ORDERLY: Final = (_CALL_STEPS, _CONTROL_FRAMES)
_ANY_ORDER: Final = (_CALL_STEPS, _CONTROL_FRAMES, _OTHER_FRAMES, _RAW_FRAMES)


@st.composite
def _step_lists(draw: st.DrawFn) -> list[Any]:
    """Steps of which many reach a handler, or steps that usually end the connection."""
    groups = draw(st.sampled_from([_ORDERLY, _ANY_ORDER]))
    return [draw(groups[draw(st.integers(0, len(groups) - 1))]) for _ in range(draw(st.integers(0, 12)))]


_PREFACE: Final = h2.PREFACE + h2.settings()
CONVERSATIONS: Final = st.builds(
    Conversation,
    preface=st.sampled_from([_PREFACE] * 12 + [h2.PREFACE, b"", _PREFACE[:10], b"GET / HTTP/1.1\r\n\r\n"]),
    steps=_step_lists(),
    damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 9), st.binary(max_size=9)), max_size=1),
    cut=st.sampled_from([0, 0, 0, 1, 5, 9, 20]),
    apart=st.booleans(),
)


def converse(gateway: FuzzedGateway, conversation: Conversation) -> None:
    """Send the frames on a connection of their own, read for a moment, and close the connection."""
    encoder = Encoder()
    steps = [conversation.preface]
    for step in conversation.steps:
        if isinstance(step, Call):
            steps.append(step.encoded(encoder, gateway))
        else:
            steps.append(step.serialize() if isinstance(step, frames.Frame) else step)
    peer = Peer(gateway.address)
    for sent in steps if conversation.apart else [_damaged(b"".join(steps), conversation)]:
        peer.send(sent)
    streams = {step.stream for step in conversation.steps if isinstance(step, Call)} or {_NEVER_ENDS}
    _read_until_ended(peer, streams, _ANSWER_SECONDS)
    peer.close()


def _damaged(sent: bytes, conversation: Conversation) -> bytes:
    for start, length, new in conversation.damage:
        sent = sent[:start] + new + sent[start + length :]
    return sent[: len(sent) - conversation.cut]
