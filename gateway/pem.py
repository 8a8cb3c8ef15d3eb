"""The PEM reader: the only code that splits PEM files into certificates, private keys, and other blocks.

It never drops a block silently. A BEGIN line becomes a `Block` that the caller expects, or its label is in
`IGNORED_LABELS`, or the file is rejected with a `PemError` that names the line and the label.

The reader tolerates what surrounds the blocks: any line ending, byte order marks, indentation, trailing spaces, blank
lines, and text between blocks. Errors never contain key material: of a file's content, they quote only labels.
"""

import base64
import binascii
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.x509_reader import certificate
from gateway.x509_reader.certificate import ParsedCertificate
from gateway.x509_reader.der import X509Error, first

TRUSTED_CERTIFICATE_LABEL: Final = "TRUSTED CERTIFICATE"
CERTIFICATE_LABELS: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE", TRUSTED_CERTIFICATE_LABEL})
PRIVATE_KEY_LABELS: Final = frozenset({"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"})
REQUEST_LABELS: Final = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
IGNORED_LABELS: Final = frozenset({"EC PARAMETERS", "DH PARAMETERS", "X509 CRL", "PUBLIC KEY"}) | REQUEST_LABELS
"""Blocks that often accompany certificates and keys, and that are skipped unless the caller expects them."""

_OTHER_LABELS: Final = frozenset({"OPENSSH PRIVATE KEY", "DSA PRIVATE KEY", "PKCS7", "CMS", "ATTRIBUTE CERTIFICATE"})
_KNOWN_LABELS: Final = CERTIFICATE_LABELS | PRIVATE_KEY_LABELS | IGNORED_LABELS | _OTHER_LABELS
"""Labels that errors about files of an upstream can name."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_MARKER: Final = re.compile(r"-----(?:BEGIN|END)")
# Labels are capital letters in short words: an error can quote one without quoting Base64.
_BOUNDARY: Final = re.compile(r"-----(?P<mark>BEGIN|END) (?P<label>[A-Z0-9.#]{1,12}(?: [A-Z0-9.#]{1,12}){0,4})-----")
# Files that were joined although the first one does not end with a line feed.
_JOINED: Final = re.compile(r"(?<=-----)(?=-----BEGIN )")


class PemError(ValueError):
    """A PEM file that is rejected. The message names the line and the label, and contains no key material.

    without_labels: the message without unknown labels, for files of an upstream, which can put any text there.
    """

    def __init__(self, text: str, without_labels: str | None = None) -> None:
        super().__init__(text)
        self.without_labels = text if without_labels is None else without_labels


class UnsupportedBlock(PemError):
    """A complete PEM file with a block of a kind that the caller does not support."""


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block. line: the number of its BEGIN line.

    lines: the lines between BEGIN and END, without indentation. der: the decoded content; of a TRUSTED CERTIFICATE the
    certificate without the trust settings that follow it.
    """

    label: str
    line: int
    lines: tuple[str, ...] = field(repr=False)
    der: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The block as PEM with line feeds."""
        return "\n".join((f"-----BEGIN {self.label}-----", *self.lines, f"-----END {self.label}-----", ""))


class _Boundary(NamedTuple):
    mark: str
    label: str


def read_blocks(data: bytes, expected: Collection[str], *, maximum_blocks: int | None = None) -> list[Block]:
    """Return the blocks whose labels are expected, in the order of the file.

    Raises PemError for a malformed block, for a label that is neither expected nor in `IGNORED_LABELS`, and for more
    than `maximum_blocks` blocks.
    """
    found: list[Block] = []
    for count, block in enumerate(_blocks(_lines(data)), start=1):
        if maximum_blocks is not None and count > maximum_blocks:
            raise PemError(f"more than {maximum_blocks} PEM blocks")
        if block.label in expected:
            found.append(block)
        elif block.label not in IGNORED_LABELS:
            raise _fault(block.line, "unsupported PEM block {}", block.label, kind=UnsupportedBlock)
    return found


def certificates(data: bytes) -> list[ParsedCertificate]:
    """Return the certificates of a file, at least one. A private key may accompany them and is not opened."""
    blocks = read_blocks(data, CERTIFICATE_LABELS | PRIVATE_KEY_LABELS)
    found = [load_certificate(block) for block in blocks if block.label in CERTIFICATE_LABELS]
    if not found:
        raise PemError("contains no PEM certificate")
    return found


def plain_certificates(data: bytes) -> bytes:
    """Return the certificates of a file, at least one, as PEM without anything else, for libraries that read PEM."""
    return certificate.chain_pem(certificates(data))


def private_key(data: bytes) -> bytes:
    """Return the only private key of a file as PEM, still encrypted if it is. Certificates may accompany it."""
    blocks = read_blocks(data, CERTIFICATE_LABELS | PRIVATE_KEY_LABELS)
    keys = [block for block in blocks if block.label in PRIVATE_KEY_LABELS]
    if not keys:
        raise PemError("contains no PEM private key")
    if len(keys) > 1:
        raise _fault(keys[1].line, "second private key in the file ({})", keys[1].label)
    return keys[0].text.encode()


def load_certificate(block: Block) -> ParsedCertificate:
    """Return the certificate of a block. Raises PemError if the block is not a certificate."""
    try:
        return certificate.parse(block.der)
    except X509Error:
        raise _fault(block.line, "the {} block is not a valid certificate", block.label) from None


def _fault(line: int, text: str, *labels: str, kind: type[PemError] = PemError) -> PemError:
    known = (label if label in _KNOWN_LABELS else "(unknown label)" for label in labels)
    return kind(f"line {line}: {text.format(*labels)}", f"line {line}: {text.format(*known)}")


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield each line without surrounding whitespace, with its number."""
    text = data.replace(_BYTE_ORDER_MARK, b"").decode("ascii", "replace")
    for number, line in enumerate(_LINE_END.split(text), start=1):
        for part in _JOINED.split(line):
            yield number, part.strip()


def _boundary(number: int, line: str) -> _Boundary | None:
    """Return the BEGIN or END that the line consists of; None for other lines."""
    if _MARKER.search(line) is None:
        return None
    match = _BOUNDARY.fullmatch(line)
    if match is None:
        raise _fault(number, "malformed BEGIN or END line")
    return _Boundary(match["mark"], match["label"])


def _blocks(lines: Iterator[tuple[int, str]]) -> Iterator[Block]:
    for number, line in lines:
        boundary = _boundary(number, line)
        if boundary is None:
            continue
        if boundary.mark == "END":
            raise _fault(number, "END {} without its BEGIN line", boundary.label)
        yield _block(boundary.label, number, _body(boundary.label, number, lines))


def _body(label: str, begin: int, lines: Iterator[tuple[int, str]]) -> list[str]:
    """Return the lines up to the block's END line."""
    body: list[str] = []
    for number, line in lines:
        boundary = _boundary(number, line)
        if boundary == ("END", label):
            return body
        if boundary is not None:
            text = f"the {{}} block ends with {boundary.mark} {{}} in line {number}"
            raise _fault(begin, text, label, boundary.label)
        body.append(line)
    raise _fault(begin, "the {} block has no END line", label)


def _block(label: str, line: int, body: Sequence[str]) -> Block:
    headers, encoded = _split_headers(body)
    if not encoded:
        raise _fault(line, "the {} block is empty", label)
    try:
        der = base64.b64decode("".join("".join(encoded).split()), validate=True)
    except (binascii.Error, ValueError):
        raise _fault(line, "the {} block is not Base64", label) from None
    if label == TRUSTED_CERTIFICATE_LABEL:
        der = _without_trust_settings(der, label, line)
    return Block(label, line, (*headers, *encoded), der)


def _without_trust_settings(content: bytes, label: str, line: int) -> bytes:
    """Return the first DER element: OpenSSL appends its trust settings to the certificate as a second one."""
    try:
        return first(content).encoded
    except X509Error:
        raise _fault(line, "the {} block is not a valid certificate", label) from None


def _split_headers(body: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """Return the headers of a legacy encrypted key (RFC 1421) with the blank line after them, and the Base64 lines."""
    start = next((index for index, line in enumerate(body) if line), len(body))
    headers: Sequence[str] = ()
    if start < len(body) and ":" in body[start]:
        end = next((index for index in range(start, len(body)) if not body[index]), len(body)) + 1
        headers, start = body[start:end], end
    return headers, [line for line in body[start:] if line]
