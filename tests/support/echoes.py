"""Echoes: the forms in which a response can repeat text of a request, and an upstream that repeats everything.

`EchoUpstream` is a proxy in front of an emulator. It replaces one value of each JSON response by an echo of the
request, and adds echoes to the headers and to the reason phrase.
"""

import base64
import html
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote

import aiohttp
from yarl import URL

from tests.support.raw_server import RawServer, Reader, Writer, read_request

_HOP_BY_HOP: Final = frozenset({"host", "connection", "content-length", "transfer-encoding"})

FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "raw": str,
    "percent-encoded, upper case": lambda text: quote(text, safe=""),
    "percent-encoded, lower case": lambda text: _percent(text, "%{:02x}"),
    "every byte percent-encoded": lambda text: _percent(text, "%{:02X}", every=True),
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(character):x};" for character in text),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "\\u, lower case": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "\\u, upper case": lambda text: "".join(f"\\u{ord(character):04X}" for character in text),
    "\\x": lambda text: _percent(text, "\\x{:02x}", every=True),
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64, second alignment": lambda text: base64.b64encode(f"a{text}z".encode()).decode(),
    "Base64, third alignment": lambda text: base64.b64encode(f"ab{text}zz".encode()).decode(),
    "Base64, URL-safe": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "Base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, upper case": lambda text: text.encode().hex().upper(),
    "hexadecimal with colons": lambda text: text.encode().hex(":"),
    "reversed": lambda text: text[::-1],
    "first half": lambda text: text[: len(text) // 2],
    "second half": lambda text: text[len(text) // 2 :],
    "split": lambda text: f"{text[: len(text) // 2]} {text[len(text) // 2 :]}",
}
"""Forms of an echo. `secrecy.spellings` finds every one of them in which a secret can be recognized."""


def _percent(text: str, form: str, *, every: bool = False) -> str:
    characters = (
        character
        if character.isascii() and character.isalnum() and not every
        else "".join(form.format(octet) for octet in character.encode())
        for character in text
    )
    return "".join(characters)


def values_of(head: bytes, body: bytes) -> list[str]:
    """Return every value of a request: path segments, query, headers, and the values of a JSON or form body."""
    lines = head.decode("latin-1").split("\r\n")
    path, _, query = lines[0].split(" ")[1].partition("?")
    found = [unquote(segment) for segment in path.split("/")]
    found += [value for _, value in parse_qsl(query)]
    found += [line.partition(":")[2].strip().removeprefix("Bearer ") for line in lines[1:] if line[:2].upper() == "X-"]
    text = body.decode(errors="ignore")
    try:
        found += [str(value) for value in leaves(json.loads(text)).values()]
    except ValueError:
        found += [value for _, value in parse_qsl(text)] or [line.strip() for line in text.splitlines()]
    return [value for value in dict.fromkeys(found) if value]


def leaves(tree: Any, place: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Return the values of a JSON text by their place."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if items is None:
        return {place: tree}
    return {deeper: value for name, item in items for deeper, value in leaves(item, (*place, name)).items()}


def replaced(tree: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return a JSON text with another value at a place."""
    if not place:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[place[0]] = replaced(tree[place[0]], place[1:], value)
    return copy


class EchoUpstream:
    """An upstream that repeats its requests.

    form: the form of the echo; None for all forms in one text. place: the number of the JSON value that the echo
    replaces; None keeps the body. places: the largest number of values in a response so far. The emulator gets equal
    requests once.
    """

    def __init__(self, endpoint: str, is_echoed: Callable[[str], bool]) -> None:
        self._endpoint = endpoint
        self._is_echoed = is_echoed
        self._server = RawServer(self._serve)
        self.form: str | None = None
        self.place: int | None = None
        self.places = 0
        self._responses: dict[tuple[bytes, bytes], tuple[int, bytes, str]] = {}

    @property
    def url(self) -> str:
        """The base URL."""
        return self._server.url

    async def __aenter__(self) -> "EchoUpstream":
        self._session = await aiohttp.ClientSession(auto_decompress=False).__aenter__()
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.__aexit__(None, None, None)
        await self._session.close()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        while True:
            head, body = await read_request(reader)
            writer.write(await self._answer(head, body))
            await writer.drain()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        pairs = [line.decode("latin-1").partition(": ") for line in head.split(b"\r\n")[1:] if line]
        headers = {name: value for name, _, value in pairs if name.lower() not in _HOP_BY_HOP}
        url = URL(self._endpoint + target, encoded=True)
        key = head.split(b"\r\n")[0], body
        if key not in self._responses:
            async with self._session.request(method, url, headers=headers, data=body or None) as response:
                kind = response.headers.get("Content-Type", "")
                self._responses[key] = response.status, await response.read(), kind
        status, content, kind = self._responses[key]
        if not self._is_echoed(target):
            return _response(status, "OK", {"Content-Type": kind}, content)
        echo = " ".join(self._forms_of(values_of(head, body)))
        return _response(status, _visible(echo), self._headers(kind, echo), self._body(content, echo))

    def _forms_of(self, values: list[str]) -> Iterator[str]:
        for value in values:
            for name, form in FORMS.items():
                if self.form in (None, name):
                    yield form(value)

    def _headers(self, kind: str, echo: str) -> dict[str, str]:
        text = _visible(echo).replace('"', "")
        return {
            "Content-Type": kind,
            "Content-Disposition": f'attachment; filename="{text[:150]}.pem"',
            "Retry-After": text,
            "Location": text,
            "Server": text,
            "ETag": text,
            "Set-Cookie": f"a={text}",
            "WWW-Authenticate": f'Basic realm="{text}"',
        }

    def _body(self, content: bytes, echo: str) -> bytes:
        try:
            tree = json.loads(content)
        except ValueError:
            return content
        places = list(leaves(tree))
        self.places = max(self.places, len(places))
        if self.place is None or self.place >= len(places):
            return content
        return json.dumps(replaced(tree, places[self.place], echo)).encode()


def _visible(text: str) -> str:
    return "".join(character for character in text if " " <= character <= "~")[:1500]


def _response(status: int, phrase: str, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {**headers, "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n".encode() + body
