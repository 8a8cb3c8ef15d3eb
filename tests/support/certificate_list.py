"""Certificate Manager's list of certificates over HTTP: the pages, and a request handler that returns them."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit


def list_page(row: Callable[[int], object], count: int, number: int, size: int) -> bytes:
    """Return the response with a page. row: returns a row by its index. count: of all rows. number: of the page."""
    rows = range((number - 1) * size, min(number * size, count))
    body = {
        "totalCount": count,
        "totalPage": -(-count // size),
        "currentPage": number,
        "pageSize": size,
        "data": [row(each) for each in rows],
    }
    header = {"resultCode": 0, "resultMessage": "success", "isSuccessful": True}
    return json.dumps({"header": header, "body": body}).encode()


class CertificateListHandler(BaseHTTPRequestHandler):
    """Answers list requests with the pages of a subclass. count: of all rows."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    count: int

    def page(self, number: int, size: int) -> bytes:
        raise NotImplementedError

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        number, size = int(query.get("pageNum", 1)), int(query.get("pageSize", 10))
        content = self.page(1, self.count) if query.get("all") == "true" else self.page(number, size)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write no log."""
