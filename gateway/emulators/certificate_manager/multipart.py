"""Reading the single uploaded file of a multipart/form-data request: codes 52007 and 52008."""

import re
from dataclasses import dataclass

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web

from gateway.emulators.certificate_manager import errors

_FIELD = "file"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """An uploaded file with its name, without folders."""

    name: str
    content: bytes


async def read_file(request: web.Request) -> UploadedFile:
    """Return the request's single file within the size limit. Form fields without a file name are ignored."""
    if request.content_type != "multipart/form-data":
        raise web.HTTPUnsupportedMediaType
    files = await _files(request)
    if len(files) != 1 or files[0][0] != _FIELD:
        raise errors.CertificateManagerError(errors.NOT_ONE_FILE)
    file = files[0][1]
    if len(file.content) > errors.MAXIMUM_FILE_BYTES:
        raise errors.CertificateManagerError(errors.TOO_LARGE, errors.MAXIMUM_FILE_BYTES, len(file.content))
    return file


async def _files(request: web.Request) -> list[tuple[str | None, UploadedFile]]:
    """Return all file parts by field name."""
    found = []
    try:
        reader = MultipartReader(request.headers, await _body(request))
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                continue
            content = bytes(await part.read(decode=True))
            if part.filename is not None:
                found.append((part.name, UploadedFile(_base_name(part.filename), content)))
    except (ValueError, AssertionError) as error:  # raised by aiohttp for an invalid multipart body
        raise errors.CertificateManagerError(errors.BAD_PARAMETER, "multipart body") from error
    return found


async def _body(request: web.Request) -> StreamReader:
    """Return the body as a stream again, because the host's middleware has already read it."""
    body = await request.read()
    # A limit above the size, so that feeding does not pause the connection.
    stream = StreamReader(request.protocol, limit=len(body) + 1)
    stream.feed_data(body)
    stream.feed_eof()
    return stream


def _base_name(name: str) -> str:
    """Return the name without folders, control characters, and invalid UTF-8, which cannot be stored or sent back."""
    name = name.encode(errors="replace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", "", re.split(r"[/\\]", name)[-1])
