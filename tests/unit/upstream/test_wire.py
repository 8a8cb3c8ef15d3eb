"""The HTTP/1.1 transport, byte by byte: which requests it sends, and which responses it accepts and rejects."""

import asyncio

import pytest

from gateway import errors
from gateway.errors import UpstreamError
from gateway.upstream.client import HttpRequest
from gateway.upstream.http1 import response_parser
from tests.support.http1_server import serving
from tests.support.raw_server import RawServer, Reader, Writer, read_request
from tests.support.upstream_client import GET, OK, client, new_call

pytestmark = pytest.mark.asyncio(loop_scope="module")

MALFORMED = errors.MALFORMED_PROVIDER_RESPONSE


async def sent(request: HttpRequest, path: str = "") -> bytes:
    """Return the bytes of a request as they arrive."""
    heads: list[bytes] = []

    async def behavior(reader: Reader, writer: Writer) -> None:
        heads.append(b"".join(await read_request(reader)))
        writer.write(OK)

    async with RawServer(behavior) as server, client(server.url + path) as http:
        await http.send(request, new_call(repeatable=True))
        return heads[0].replace(str(server.port).encode(), b"PORT")


class TestRequest:
    async def test_request_has_the_exact_bytes(self) -> None:
        request = HttpRequest("POST", "/a%20b?x=1", {"X-One": "ü \t1", "Accept": "text/plain"}, b"body")
        assert await sent(request, "/base/") == (
            b"POST /base/a%20b?x=1 HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAccept-Encoding: identity\r\n"
            b"User-Agent: keyway/0.1.0\r\nX-One: \xc3\xbc \t1\r\nAccept: text/plain\r\nContent-Length: 4\r\n\r\nbody"
        )

    @pytest.mark.parametrize(
        ("method", "has_length"), [("GET", False), ("DELETE", False), ("POST", True), ("PUT", True)]
    )
    async def test_empty_body_has_a_length_only_for_methods_with_a_body(self, method: str, *, has_length: bool) -> None:
        assert (b"Content-Length: 0\r\n" in await sent(HttpRequest(method, "/"))) is has_length

    @pytest.mark.parametrize("name", ["X\r\nY", "X:", "X Y", "", "Ü", "Host", "content-length", "Transfer-Encoding"])
    async def test_invalid_header_name_is_rejected(self, name: str) -> None:
        async with client("http://127.0.0.1:1") as http:
            with pytest.raises(ValueError, match="header"):
                await http.send(HttpRequest("GET", "/", {name: "1"}), new_call(repeatable=True))

    @pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\0b", "a\x1fb", "\x7f"])
    async def test_invalid_header_value_is_rejected(self, value: str) -> None:
        async with client("http://127.0.0.1:1") as http:
            with pytest.raises(ValueError, match="header"):
                await http.send(HttpRequest("GET", "/", {"X": value}), new_call(repeatable=True))

    @pytest.mark.parametrize("target", ["", "things", "/a b", "/a\r\nX: 1", "/ü", "/\0", "/\x7f", "http://other/"])
    async def test_invalid_target_is_rejected(self, target: str) -> None:
        async with client("http://127.0.0.1:1") as http:
            with pytest.raises(ValueError, match="target"):
                await http.send(HttpRequest("GET", target), new_call(repeatable=True))

    async def test_invalid_method_is_rejected(self) -> None:
        async with client("http://127.0.0.1:1") as http:
            with pytest.raises(ValueError, match="method"):
                await http.send(HttpRequest("GET / HTTP/1.1\r\n", "/"), new_call(repeatable=True))

    @pytest.mark.parametrize("size", [65_536, 65_537, 5_000_000])
    async def test_large_bodies_arrive_whole(self, size: int) -> None:
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        head, _, arrived = (await sent(HttpRequest("POST", "/", {}, body))).partition(b"\r\n\r\n")
        assert arrived == body
        assert f"Content-Length: {size}".encode() in head


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
KEEP = b"\r\nConnection: keep-alive\r\n"
GOOD = {
    "chunks": (CHUNKED + b"1\r\no\r\n1;a=b\r\nk\r\n0\r\n\r\n", True),
    "chunks and trailers": (CHUNKED + b"2\r\nok\r\n0\r\nX-Checksum: 1\r\n\r\n", True),
    "an empty header": (b"HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length: 2\r\n\r\nok", True),
    "two interim answers": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK, True),
    "an announced end": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", False),
    "an old server": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
    "an old server that keeps it": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", True),
    "chunks of an old server": (
        CHUNKED.replace(b"/1.1", b"/1.0").replace(b"\r\n", KEEP, 1) + b"2\r\nok\r\n0\r\n\r\n",
        False,
    ),
    "a second answer": (OK + OK, False),
    "the beginning of a second answer": (OK + b"HTTP/1.1 2", False),
    "rubbish behind it": (OK + b"\0\0", False),
}


class TestResponse:
    @pytest.mark.parametrize(("answer", "kept"), GOOD.values(), ids=GOOD)
    async def test_connection_is_reused_only_after_a_complete_response(self, answer: bytes, *, kept: bool) -> None:
        second = OK.replace(b"ok", b"no")
        async with serving(answer, second, second) as (server, http):
            assert (await http.send(GET, new_call(repeatable=True))).body == b"ok"
            response = await http.send(GET, new_call(repeatable=True))
            assert (response.body, dict(response.headers)) == (b"no", {"Content-Length": "2"})
        assert server.connections == (1 if kept else 2)

    @pytest.mark.parametrize(
        ("head", "kept"),
        [("", True), ("Content-Length: 0", True), ("Content-Length: 2", False), ("Transfer-Encoding: chunked", False)],
    )
    async def test_unexpected_body_is_not_read_as_the_next_response(self, head: str, *, kept: bool) -> None:
        line = f"{head}\r\n" if head else ""
        async with serving(f"HTTP/1.1 204 No Content\r\n{line}\r\n".encode(), OK) as (server, http):
            assert (await http.send(GET, new_call(repeatable=True))).status == 204
            await http.send(GET, new_call(repeatable=True))
        assert server.connections == (1 if kept else 2)

    @pytest.mark.parametrize("pieces", [1, 2, 7])
    async def test_response_in_small_chunks_is_parsed(self, pieces: int) -> None:
        headers = b"X-A: one\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked"
        answer = b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"

        async def behavior(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            for start in range(0, len(answer), pieces):
                writer.write(answer[start : start + pieces])
                await writer.drain()
                await asyncio.sleep(0)

        async with RawServer(behavior) as server, client(server.url) as http:
            response = await http.send(GET, new_call(repeatable=True))
        assert (response.body, response.headers["x-a"], response.media_type) == (b"ok", "one", "a/b")

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\rY: b\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            CHUNKED + b"-2\r\nok\r\n0\r\n\r\n",
            CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n",
            CHUNKED + b"2 \r\nok\r\n0\r\n\r\n",
            CHUNKED + b"2\nok\n0\n\n",
            CHUNKED + b"fffffffffffffffff\r\nok\r\n0\r\n\r\n",
            CHUNKED + b"2\r\nokay\r\n0\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\n\r\n",
        ],
    )
    async def test_ambiguous_framing_is_malformed(self, answer: bytes) -> None:
        async with serving(answer, OK) as (server, http):
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call(repeatable=True))
            assert caught.value.kind == MALFORMED
            assert (await http.send(GET, new_call(repeatable=True))).body == b"ok"
        assert server.connections == 2

    async def test_trailer_is_not_a_header_of_the_next_response(self) -> None:
        async with serving(CHUNKED + b"0\r\nX-Role: admin\r\n\r\n", OK) as (server, http):
            for _ in range(2):
                assert "X-Role" not in (await http.send(GET, new_call(repeatable=True))).headers
        assert server.connections == 1

    @pytest.mark.parametrize("flood", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X: y\r\n", b"x"])
    async def test_endless_head_is_rejected(self, flood: bytes) -> None:
        async def behavior(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(b"" if flood.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n")
            while True:
                writer.write(flood * 1000)
                await writer.drain()

        async with RawServer(behavior) as server, client(server.url) as http:
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call(repeatable=True))
        assert caught.value.kind == MALFORMED

    async def test_endless_trailers_are_rejected(self) -> None:
        async with serving(CHUNKED + b"0\r\n" + b"X: y\r\n" * response_parser.MAXIMUM_HEAD_BYTES) as (_, http):
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call(repeatable=True))
        assert caught.value.kind == MALFORMED
