"""Notices: why a part of a page has no data, and how to correct this."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

from keyway.console.reasons import ReasonText, reason_text
from keyway.errors import KeywayError

ResultT = TypeVar("ResultT")
_SETTING: Final = "AUDIT_QUERY_NOT_CONFIGURED"
_EXPLAINED: Final = {
    _SETTING: ReasonText(
        "This gateway does not answer audit queries.",
        "To turn them on, add `query: {}` to the section `audit` of the gateway's configuration.",
    ),
    "AUDIT_QUERY_IN_PROGRESS": ReasonText(
        "Another audit query of yours is in progress.",
        "The gateway processes one query per caller at a time. Reload the page.",
    ),
    "AUDIT_QUERY_UNAVAILABLE": ReasonText(
        "The gateway cannot answer audit queries now.",
        "The index is not complete yet, or the central store does not respond. Reload the page in a moment.",
    ),
    "MISSING_PARAMETER": ReasonText(
        "The provider returns this certificate only if the request contains its key store password.",
        "Use `keyway certs show`, which prompts for the password.",
    ),
    "UNAUTHENTICATED": ReasonText(
        "The gateway does not accept your identity.", "To find the cause, run `keyway whoami`."
    ),
}
"""Explanations for the console, if they differ from those in docs/troubleshooting.md."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message in place of data.

    kind: `denied`, `setting` (not configured), or `error`. fix: what to do. method: the call. name: its reason or its
    status. request_id: of the call; can be empty.
    """

    kind: str
    title: str
    fix: str
    method: str = ""
    name: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """The permission that a call needs: the action, its policy group, and the resource."""

    action: str
    group: str
    resource: str


async def attempt(call: Awaitable[ResultT], needs: Permission) -> ResultT | Notice:
    """Return the result of a call, or the notice for its error."""
    try:
        return await call
    except KeywayError as error:
        return notice_of(error, needs)
    except OSError as error:
        # The token file is read for each call.
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return Notice("error", "The console cannot read your credentials.", _sentence(text), needs.action)


def notice_of(error: KeywayError, needs: Permission) -> Notice:
    """Return the notice for an error of a call."""
    kind, title, fix = _texts(error, needs)
    return Notice(kind, title, fix, needs.action, error.reason or error.code.name, error.request_id)


def _texts(error: KeywayError, needs: Permission) -> tuple[str, str, str]:
    if error.reason == "PERMISSION_DENIED":
        return "denied", f"You do not have the permission {needs.action}.", _permission(needs)
    if error.problem is not None:
        return "error", "The console cannot connect to the gateway.", _sentence(error.problem.value)
    if error.violations:
        lines = (f"`{each.field}`: {each.description}" for each in error.violations)
        return "error", "The request is not valid.", _sentence("; ".join(lines))
    text = _EXPLAINED.get(error.reason) or reason_text(error.reason)
    if text is not None:
        return "setting" if error.reason == _SETTING else "error", text.meaning, text.fix
    return "error", f"The gateway returned {error.code.name}.", _sentence(error.message)


def _permission(needs: Permission) -> str:
    kind, _, name = needs.resource.partition("/")
    on = f"at least one of `{kind}/…`" if name == "-" else f"`{needs.resource}`"
    return (
        f"Ask the operator of the gateway to permit the action `{needs.action}` (group `{needs.group}`) on {on}. "
        "`keyway-gateway policy explain` shows the decision."
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
