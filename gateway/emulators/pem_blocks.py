"""The blocks of PEM files. No block is skipped: callers decide by its label, and a malformed block is an error."""

import base64
import re
from dataclasses import dataclass, field

_MARKER = re.compile(rb"-----(BEGIN|END) ([^-]*)-----")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class PemBlockError(ValueError):
    """A block without its end, an end without its block, or content that is not Base64."""


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One block: its label, its text from BEGIN to END, and the lines between them."""

    label: str
    text: bytes = field(repr=False)
    body: bytes = field(repr=False)

    def content(self) -> bytes:
        """The decoded content of a block without headers."""
        try:
            return base64.b64decode(b"".join(self.body.split()), validate=True)
        except ValueError as error:
            raise PemBlockError("a PEM block is not Base64") from error


def read(data: bytes) -> list[PemBlock]:
    """The blocks in the order of the file. Byte order marks and text between blocks are skipped."""
    data = data.replace(_BYTE_ORDER_MARK, b"")
    markers = list(_MARKER.finditer(data))
    if len(markers) != data.count(b"-----BEGIN") + data.count(b"-----END") or len(markers) % 2:
        raise PemBlockError("a PEM block has no END line, or a malformed BEGIN or END line")
    return [_block(data, begin, end) for begin, end in zip(markers[::2], markers[1::2], strict=True)]


def _block(data: bytes, begin: re.Match[bytes], end: re.Match[bytes]) -> PemBlock:
    if (begin[1], end[1], begin[2]) != (b"BEGIN", b"END", end[2]):
        raise PemBlockError("a PEM block has no END line")
    text = data[begin.start() : end.end()] + b"\n"
    return PemBlock(begin[2].decode("ascii", "replace"), text, data[begin.end() : end.start()])
