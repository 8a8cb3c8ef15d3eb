"""The HTTP routes: `auth` and the 24 calls of `certificate`, the roles that may call them, and the response envelope.

key_stores.py and trust_stores.py implement the calls; parameters.py reads their parameters.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from gateway.emulators.asteria import archive, assumptions, parameters
from gateway.emulators.asteria.errors import INTERNAL_ERROR, ROLE_TOO_LOW, AsteriaError, AsteriaFailure
from gateway.emulators.asteria.key_stores import KeyStores
from gateway.emulators.asteria.sealing import Passwords
from gateway.emulators.asteria.sessions import Sessions
from gateway.emulators.asteria.state import Role, Store
from gateway.emulators.asteria.trust_stores import TrustStores

SESSION_HEADER: Final = "X-As-SessionId"

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_StoreHandler = Callable[["AsteriaRoutes", web.Request, Store], Awaitable[web.Response]]

_ALL_ROLES: Final = frozenset(Role)
_OPERATORS: Final = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
_ADMINISTRATORS: Final = frozenset({Role.ADMINISTRATOR})


@dataclass(frozen=True, slots=True)
class RoutedCall:
    """One function of the module `certificate`, served under `server/` and `client/`."""

    method: str
    function: str
    roles: frozenset[Role]
    handler: _StoreHandler


class AsteriaRoutes:
    """The handlers of one emulated server."""

    def __init__(self, sessions: Sessions, key_stores: KeyStores, trust_stores: TrustStores) -> None:
        self._sessions = sessions
        self._key_stores = key_stores
        self._trust_stores = trust_stores

    def install(self, application: web.Application) -> None:
        """Add routes and the error middleware."""
        application.middlewares.append(_failures)
        router = application.router
        # A path can end with the response format. JSON is the default and the only format here.
        router.add_route("POST", r"/mcapi/auth/login{format:(\.json)?}", self._log_in)
        router.add_route("POST", r"/mcapi/auth/logout{format:(\.json)?}", self._log_out)
        for store in Store:
            for call in CALLS:
                path = rf"/mcapi/certificate/{store}/{call.function}{{format:(\.json)?}}"
                router.add_route(call.method, path, self._guarded(call, store))

    def _guarded(self, call: RoutedCall, store: Store) -> _Handler:
        """Wrap a call: require a session with a permitted role."""

        async def handle(request: web.Request) -> web.Response:
            session = self._sessions.live(request.headers.get(SESSION_HEADER))
            if session is None:
                raise AsteriaError(3001)
            if session.role not in call.roles:
                raise AsteriaError(ROLE_TOO_LOW)
            return await call.handler(self, request, store)

        return handle

    async def _log_in(self, request: web.Request) -> web.Response:
        name, password = await parameters.form(request, "userName", "password")
        fields = await parameters.form_fields(request)
        minutes = fields.get("timeout", str(assumptions.DEFAULT_SESSION_MINUTES))
        if not minutes.isascii() or not minutes.isdecimal() or not _is_session_time(int(minutes)):
            raise AsteriaError(2003, "timeout")
        if fields.get("getRole", "false") not in ("true", "false"):
            raise AsteriaError(2003, "getRole")
        session = self._sessions.log_in(name, password, int(minutes) * 60)
        if session is None:
            raise AsteriaError(assumptions.LOGIN_FAILED_CODE)
        data = {"sessionId": session.id, "serverName": assumptions.SERVER_NAME, "serverId": assumptions.SERVER_ID}
        return success(data | {"role": session.role} if fields.get("getRole") == "true" else data)

    async def _log_out(self, request: web.Request) -> web.Response:
        session = self._sessions.live(request.headers.get(SESSION_HEADER))
        if session is None:
            raise AsteriaError(3001)
        self._sessions.log_out(session.id)
        return success({})

    async def exist(self, _request: web.Request, store: Store) -> web.Response:
        """exist: whether a certificate exists."""
        return success({"exist": self._key_stores.exists(store)})

    async def show(self, request: web.Request, store: Store) -> web.Response:
        """show: the certificate in detail."""
        (password,) = await parameters.form(request, "password")
        return success({"certificate": await self._key_stores.show(store, password)})

    async def create(self, request: web.Request, store: Store) -> web.Response:
        """create: a key pair, a self-signed certificate and a CSR."""
        await self._key_stores.create(store, await parameters.create(request))
        return success({})

    async def delete(self, request: web.Request, store: Store) -> web.Response:
        """delete: certificate, key and CSR."""
        (password,) = await parameters.form(request, "password")
        await self._key_stores.delete(store, password)
        return success({})

    async def import_file(self, request: web.Request, store: Store) -> web.Response:
        """import: a PKCS#12 or JKS file."""
        upload = await parameters.Upload.read(request, "filePassword", "password", "privateKeyPassword", "filedata")
        given = [upload.text(name) for name in ("filePassword", "password", "privateKeyPassword")]
        passwords = parameters.new_passwords(given[1], given[2], too_short=2004)
        described = await self._key_stores.import_file(store, upload.file("filedata"), given[0], passwords)
        return success({"certificate": described})

    async def download_csr(self, request: web.Request, store: Store) -> web.Response:
        """csr/download: the CSR in a ZIP."""
        password, key_password = await parameters.form(request, "password", "privateKeyPassword")
        return _zip("csr.zip", await self._key_stores.csr(store, Passwords(password, key_password)))

    async def upload_response(self, request: web.Request, store: Store) -> web.Response:
        """csr/response/upload: the issued certificate and its chain."""
        upload = await parameters.Upload.read(request, "password", "privateKeyPassword", "certFile", "chainFile")
        passwords = Passwords(upload.text("password"), upload.text("privateKeyPassword"))
        leaf, chain = upload.file("certFile"), upload.optional_file("chainFile")
        await self._key_stores.accept(store, passwords, leaf, chain)
        return success({})

    async def export(self, request: web.Request, store: Store) -> web.Response:
        """export: the certificates in a ZIP."""
        password, output, data = await parameters.form(request, "password", "outputFormat", "dataFormat")
        output_format = parameters.choice(archive.OutputFormat, "outputFormat", output)
        data_format = parameters.choice(archive.DataFormat, "dataFormat", data)
        return _zip("certs.zip", await self._key_stores.export(store, password, output_format, data_format))

    async def list_authorities(self, _request: web.Request, store: Store) -> web.Response:
        """ca/list: the trusted authorities."""
        return success({"certificate": await self._trust_stores.list(store)})

    async def show_authority(self, request: web.Request, store: Store) -> web.Response:
        """ca/show: one authority in detail."""
        alias = parameters.query(request, "alias")
        return success({"certificate": self._trust_stores.show(store, alias)})

    async def delete_authority(self, request: web.Request, store: Store) -> web.Response:
        """ca/delete: returns the remaining authorities."""
        (alias,) = await parameters.form(request, "alias")
        self._trust_stores.delete(store, alias)
        return await self.list_authorities(request, store)

    async def import_authorities(self, request: web.Request, store: Store) -> web.Response:
        """ca/import: returns all authorities after the import."""
        upload = await parameters.Upload.read(request, "caFile")
        await self._trust_stores.import_file(store, upload.file("caFile"))
        return await self.list_authorities(request, store)


CALLS: Final = (
    RoutedCall("GET", "exist", _ALL_ROLES, AsteriaRoutes.exist),
    RoutedCall("POST", "show", _ALL_ROLES, AsteriaRoutes.show),
    RoutedCall("POST", "create", _ADMINISTRATORS, AsteriaRoutes.create),
    RoutedCall("POST", "delete", _ADMINISTRATORS, AsteriaRoutes.delete),
    RoutedCall("POST", "import", _ADMINISTRATORS, AsteriaRoutes.import_file),
    RoutedCall("POST", "export", _OPERATORS, AsteriaRoutes.export),
    RoutedCall("POST", "csr/download", _OPERATORS, AsteriaRoutes.download_csr),
    RoutedCall("POST", "csr/response/upload", _ADMINISTRATORS, AsteriaRoutes.upload_response),
    RoutedCall("GET", "ca/list", _ALL_ROLES, AsteriaRoutes.list_authorities),
    RoutedCall("GET", "ca/show", _ALL_ROLES, AsteriaRoutes.show_authority),
    RoutedCall("POST", "ca/delete", _ADMINISTRATORS, AsteriaRoutes.delete_authority),
    RoutedCall("POST", "ca/import", _ADMINISTRATORS, AsteriaRoutes.import_authorities),
)
"""The rights table of the document."""


def success(data: dict[str, Any]) -> web.Response:
    """Return the envelope of a successful call."""
    return _json(200, {"result": {"status": "success", "data": data}})


def failure(row: AsteriaFailure, message: str | None = None, *, status: int | None = None) -> web.Response:
    """Return the envelope of a failed call; without `code` if none is documented."""
    result: dict[str, Any] = {"status": "error", "message": message or row.message}
    if row.code is not None:
        result["code"] = row.code
    return _json(status or row.status, {"result": result})


@web.middleware
async def _failures(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Convert every exception of a call to the vendor's envelope."""
    try:
        return await handler(request)
    except AsteriaError as error:
        return failure(error.failure, error.message)
    except web.HTTPException as error:
        return failure(AsteriaFailure(None, error.status, error.reason))
    except Exception:  # noqa: BLE001 - the boundary: a bug becomes the vendor's internal error instead of a closed connection
        _log.exception("%s %s failed", request.method, request.path)
        return failure(INTERNAL_ERROR)


def _is_session_time(minutes: int) -> bool:
    return 1 <= minutes <= assumptions.MAXIMUM_SESSION_MINUTES


def _zip(name: str, content: bytes) -> web.Response:
    headers = {"Content-Disposition": f'filename="{name}"'}
    return web.Response(body=content, content_type="application/zip", headers=headers)


def _json(status: int, data: dict[str, Any]) -> web.Response:
    text = json.dumps(data, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json")
