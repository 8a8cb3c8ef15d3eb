"""The HTTP routes: list, download, and upload, and the response for unknown addresses.

Every call checks version, credentials, and app key, and then runs the operation.
"""

import asyncio
import datetime as dt
import math
from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.emulators.base import Clock, json_response
from gateway.emulators.certificate_manager import access, assumptions, checks, errors, multipart, paging
from gateway.emulators.certificate_manager.state import Certificate, CertificateManagerState, StoredFile
from gateway.emulators.certificate_manager.versions import VERSIONS, ApiVersion
from gateway.emulators.database import Database

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ROOT = r"/certmanager/{version:v1\.[0-3]}/appkeys/{app_key:[^/]+}/certificates"
_FILES = _ROOT + "/{name:[^/]+}/files"


class CertificateManagerRoutes:
    """The API's handlers over one state."""

    def __init__(self, state: CertificateManagerState, database: Database, clock: Clock) -> None:
        self._state = state
        self._database = database
        self._clock = clock

    def install(self, application: web.Application) -> None:
        """Add the API's routes and the middleware that formats failures."""
        application.middlewares.append(_answer_failures)
        application.add_routes(
            [
                web.get(_ROOT, self._list, allow_head=False),
                web.get(_FILES, self._download, allow_head=False),
                web.post(_FILES, self._upload),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        version = _version(request)
        app_key = access.check(self._state, request, version)
        query = paging.parse(request.query, version)
        today = self._clock.now().astimezone(assumptions.ZONE).date()
        total, certificates = self._state.certificates(app_key, query, today)
        page_size = total if query.everything else query.page_size
        return errors.success(
            {
                "totalCount": total,
                "totalPage": math.ceil(total / page_size) if page_size else 0,
                "currentPage": 1 if query.everything else query.page_number,
                "pageSize": page_size,
                "data": [_entry(certificate, version) for certificate in certificates],
            }
        )

    async def _download(self, request: web.Request) -> web.Response:
        version = _version(request)
        certificate = self._certificate(request, version)
        files = self._state.files(certificate.id)
        if not files:
            raise errors.CertificateManagerError(errors.NO_FILE)
        if len(files) > 1:
            raise errors.CertificateManagerError(errors.SEVERAL_FILES)
        if self._state.checks_downloads:
            await asyncio.to_thread(checks.check_stored, files[0].content, self._clock.now())
        headers = {"Content-Disposition": f"attachment; filename={_quoted(files[0].name)}"}
        return web.Response(body=files[0].content, content_type="application/octet-stream", headers=headers)

    async def _upload(self, request: web.Request) -> web.Response:
        version = _version(request)
        if not version.uploads:
            raise web.HTTPNotFound
        certificate = self._certificate(request, version)
        file = await multipart.read_file(request)
        if len(self._state.files(certificate.id)) > 1:
            raise errors.CertificateManagerError(errors.SEVERAL_FILES)
        content = await asyncio.to_thread(checks.accept, file, certificate, self._clock.now())
        with self._database.transaction():
            self._state.replace_files(certificate.id, [StoredFile(file.name, file.content)], content.facts)
        return errors.success(None)

    def _certificate(self, request: web.Request, version: ApiVersion) -> Certificate:
        app_key = access.check(self._state, request, version)
        name = request.match_info["name"]
        certificate = self._state.certificate(app_key, name)
        if certificate is None:
            is_id = version.knows_ids and name.isascii() and name.isdecimal()
            raise errors.CertificateManagerError(errors.NO_ID if is_id else errors.NO_NAME)
        return certificate


@web.middleware
async def _answer_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return the envelope for failures of the API, and the web framework's JSON for other HTTP errors."""
    try:
        return await handler(request)
    except errors.CertificateManagerError as error:
        return error.response(request.match_info["version"])
    except web.HTTPClientError as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        answer = {"status": error.status, "error": error.reason, "path": request.path}
        return json_response(answer, error.status, allow)


def _version(request: web.Request) -> ApiVersion:
    return VERSIONS[request.match_info["version"]]


def _entry(certificate: Certificate, version: ApiVersion) -> dict[str, object]:
    facts = certificate.facts
    entry: dict[str, object] = {"certificateName": certificate.name, "authority": facts.authority}
    if version.lists_domains:
        entry["domains"] = list(facts.domains)
    return entry | {
        "signatureAlgorithm": facts.signature_algorithm,
        "fileCreationDate": _text(facts.file_creation_date),
        "expirationDate": _text(facts.expiration_date),
    }


def _text(date: dt.date | None) -> str | None:
    return None if date is None else date.isoformat()


def _quoted(name: str) -> str:
    """Return a quoted string of RFC 9110."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
