"""The filters of a command line: which records to select."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.rpc import code_pb2

from keyway.audit import times
from keyway.service_config import methods
from keyway.v1 import error_reason_pb2, options_pb2
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_UNSPECIFIED, AuditFilter, AuditOutcome


class OptionError(ValueError):
    """An invalid value of an option. The message names the option."""


def _groups() -> Iterator[tuple[str, list[str]]]:
    """Yield each policy group with its actions."""
    for access in options_pb2.AccessClass.DESCRIPTOR.values:
        if group := access.GetOptions().Extensions[options_pb2.policy_group]:
            yield group, [name for name, number in _actions() if number == access.number]


def _actions() -> Iterator[tuple[str, int]]:
    """Yield the methods of the contract, with their access classes."""
    for method in methods():
        yield method.name, method.GetOptions().Extensions[options_pb2.method].access


GROUPS: Final[Mapping[str, Sequence[str]]] = dict(_groups())
"""The actions of each policy group, such as `UseKeys`."""

INTERNAL_ACTIONS: Final = (
    "AcceptSecret",
    "DeliverCertificate",
    "OpenSecretStream",
    "PollCertificate",
    "PollCertificateFile",
    "PollCertificates",
    "PollTrustedAuthorities",
    "PollTrustedAuthority",
    "RejectSecret",
)
"""What the gateway records about itself and about streams, in addition to the methods of the contract."""

ACTIONS: Final = frozenset(
    [*INTERNAL_ACTIONS, *(action for name, _ in _actions() for action in (name, f"{name}WithPrivateKey"))]
)

REASONS: Final = frozenset(
    [
        *(name.removeprefix("ERROR_REASON_") for name, number in error_reason_pb2.ErrorReason.items() if number),
        # Reasons that occur only in the journal.
        *code_pb2.Code.keys(),
        "GATEWAY_STOPPED",
    ]
)

OUTCOMES: Final = {name.removeprefix("AUDIT_OUTCOME_").lower(): value for name, value in AuditOutcome.items() if value}
"""The outcomes, by their names on the command line."""


def filters(values: Mapping[str, Any], now: datetime | None = None) -> list[AuditFilter]:
    """Return the filters for the options: one per action, or a single one if no action is selected.

    values: the options by name, as `keyway.audit.options` defines them. Raises OptionError.
    """
    criteria = _without_action(values, now or datetime.now(UTC))
    actions = sorted({action for given in values["action"] for action in GROUPS.get(given, (given,))})
    if not actions:
        return [criteria]
    made = []
    for action in actions:
        each = AuditFilter()
        each.CopyFrom(criteria)
        each.action = action
        made.append(each)
    return made


def unknown_names(values: Mapping[str, Any]) -> list[str]:
    """Return a note for each action and reason that this version does not know. A newer gateway can have such names."""
    given = [("action", action, [*ACTIONS, *GROUPS]) for action in values["action"]]
    if values["reason"]:
        given.append(("reason", values["reason"], list(REASONS)))
    notes = []
    for option, name, known in given:
        if name not in known:
            similar = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean '{similar[0]}'?" if similar else ""
            notes.append(f"--{option}: this version does not know the {option} '{name}'{hint}")
    return notes


def _without_action(values: Mapping[str, Any], now: datetime) -> AuditFilter:
    criteria = AuditFilter(
        caller=values["caller"] or "",
        resource=values["resource"] or "",
        provider=values["provider"] or "",
        status=_status(values["status"]),
        reason=values["reason"] or "",
        surface=values["surface"] or "",
        denied=values["denied"] or None,
        private_material=values["private"] or None,
        outcome=OUTCOMES[values["outcome"]] if values["outcome"] else AUDIT_OUTCOME_UNSPECIFIED,
    )
    since, until = (_point(values, name, now) for name in ("since", "until"))
    if since is not None:
        criteria.start_time.FromDatetime(since)
    if until is not None:
        criteria.end_time.FromDatetime(until)
    if since is not None and until is not None and since >= until:
        raise OptionError("--until: must be later than --since")
    return criteria


def _point(values: Mapping[str, Any], name: str, now: datetime) -> datetime | None:
    if not values[name]:
        return None
    try:
        return times.point(values[name], now)
    except ValueError as error:
        raise OptionError(f"--{name}: {error}") from None


def _status(text: str | None) -> Any:
    if not text:
        return None
    try:
        return code_pb2.Code.Value(text.upper())
    except ValueError:
        known = ", ".join(code_pb2.Code.keys())
        raise OptionError(f"--status: '{text}' is not a gRPC status; use {known}") from None
