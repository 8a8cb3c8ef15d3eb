"""The web application of the console: routes, headers, and the check of each request."""

import logging
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

from aiohttp import web

from keyway.console.access import Access, AccessDenied
from keyway.console.audit_views import AuditViews
from keyway.console.calls import GatewayCalls
from keyway.console.certificate_views import PATH as FIRST_VIEW
from keyway.console.certificate_views import CertificateViews
from keyway.console.journal_views import JournalViews
from keyway.console.pages import Pages
from keyway.console.provider_views import ProviderViews
from keyway.console.verification import JournalVerification
from keyway.terminal.text import clean

_log = logging.getLogger(__name__)

ENTRY: Final = "/enter"
_STATIC: Final = "/static/"
_LARGEST_BODY: Final = 16 << 10
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not `no-referrer`: the browser would then send `Origin: null` with the forms of the console.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """The application. access: accepts or rejects each request. calls: the gateway. pages: renders the responses."""

    def __init__(self, access: Access, calls: GatewayCalls, pages: Pages) -> None:
        self._access = access
        self._pages = pages
        verification = JournalVerification(calls)
        self._views = (
            CertificateViews(calls, pages),
            ProviderViews(calls, pages),
            AuditViews(calls, pages, verification),
            JournalViews(calls, pages, verification),
        )

    def application(self) -> web.Application:
        """Return the application."""
        made = web.Application(middlewares=[self._answer], client_max_size=_LARGEST_BODY)
        made.add_routes([web.get("/", self._first), web.get(ENTRY, self._enter, allow_head=False)])
        for view in self._views:
            made.add_routes(view.routes())
        made.add_routes([web.get(f"{_STATIC}{name}", _static(name)) for name in ("console.css", "console.js")])
        made.on_response_prepare.append(_add_headers)
        return made

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle a request, if it is accepted."""
        try:
            self._access.check_source(request.method, request.headers, entry=request.path == ENTRY)
            if request.path != ENTRY and not request.path.startswith(_STATIC):
                self._access.check_session(request.cookies)
            return await handler(request)
        except AccessDenied as error:
            return self._pages.message(403, "The console rejected the request", str(error))
        except web.HTTPRedirection:
            raise
        except web.HTTPError as error:
            return self._pages.message(error.status, f"{error.status} {error.reason}", "Go back to the previous page.")
        except Exception:  # noqa: BLE001 - a bug
            _log.exception("The console could not answer %s %s", request.method, clean(request.path))
            return self._pages.message(
                500, "The console has an error", "Its details are in the terminal of the command."
            )

    async def _first(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPSeeOther(FIRST_VIEW)

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        """Exchange the token for the cookie, and continue without the token."""
        value = self._access.exchange(request.query.get("token", ""))
        response = self._continued(request)
        response.set_cookie(self._access.cookie, value, httponly=True, samesite="Strict", path="/")
        return response

    def _continued(self, request: web.Request) -> web.Response:
        """Return a redirect, or a page that forwards to the console if another site or a file opened the link.

        After a redirect, the browser would still treat the request as one of the other site, and would not send the
        SameSite=Strict cookie.
        """
        if request.headers.get("Sec-Fetch-Site", "none") == "none":
            return web.Response(status=303, headers={"Location": "/"})
        response = self._pages.bare("continue.html", 200)
        response.headers["Referrer-Policy"] = "no-referrer"  # the address of this page contains the token
        return response


def _static(name: str) -> Handler:
    content = files("keyway.console").joinpath("static", name).read_bytes()
    kind = "text/css" if name.endswith(".css") else "text/javascript"

    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type=kind, charset="utf-8")

    return handle


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "keyway-console"  # without the versions of the libraries
