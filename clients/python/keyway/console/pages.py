"""Pages: rendering of templates."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from keyway.console import formats
from keyway.console.notices import Notice
from keyway.console.reasons import reason_text
from keyway.console.verification import covers
from keyway.terminal.text import clean
from keyway.v1.audit_service_pb2 import VerificationState

VIEWS: Final = (
    ("/certificates", "Certificates"),
    ("/providers", "Providers"),
    ("/audit", "Audit"),
    ("/journal", "Journal"),
)


def _shown(value: Any) -> Any:
    """Escape control characters and bidirectional controls, because they can make a name look like another name."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("keyway.console"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= formats.FILTERS
    made.filters["reason_text"] = reason_text
    made.tests["notice"] = lambda value: isinstance(value, Notice)
    made.globals |= {"link": formats.link, "covers": covers, "VerificationState": VerificationState}
    return made


_TEMPLATES: Final = _environment()


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders pages. gateway: its address and transport. context: the name of the context; can be empty."""

    gateway: str
    context: str

    def page(self, template: str, view: str, **values: Any) -> web.Response:
        """Return a page. view: the path of its view in the navigation."""
        common = {"view": view, "views": VIEWS, "gateway": self.gateway, "context": self.context}
        return self.bare(template, 200, **values, **common, loaded=dt.datetime.now(dt.UTC))

    def message(self, status: int, title: str, text: str) -> web.Response:
        """Return a page without data of the gateway, for requests without a session."""
        return self.bare("message.html", status, title=title, text=text)

    def bare(self, template: str, status: int, **values: Any) -> web.Response:
        """Return the page of a template. `page` adds the values of the navigation."""
        text = _TEMPLATES.get_template(template).render(**values)
        return web.Response(text=text, status=status, content_type="text/html")


def parameters(request: web.Request) -> Mapping[str, str]:
    """Return the parameters of the query, without surrounding whitespace."""
    return {name: value.strip() for name, value in request.query.items()}
