"""The status of the agent: for `keyway agent status`, the health file, and metrics."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final

from keyway.agent.keeper import Keeper
from keyway.agent.reasons import FailureReason
from keyway.agent.state import CertificateState, Failure
from keyway.agent.versions import Manifest

StatusTree = dict[str, Any]


class Condition(Enum):
    """The condition of one certificate."""

    INSTALLED = "installed"
    WAITING = "waiting"
    """A new version waits for its time."""
    FAILED = "failed"
    """The last installation failed. The previous version is in service, if there was one."""
    EXPIRED = "expired"
    MISSING = "missing"
    """No version is installed yet."""


_HEALTHY: Final = (Condition.INSTALLED, Condition.WAITING)


def status_tree(keepers: Iterable[Keeper], now: dt.datetime, *, watching: bool, problem: str) -> StatusTree:
    """Return the status of all certificates, which JSON can represent. problem: of the agent itself, or empty."""
    certificates = [_certificate(keeper, now) for keeper in keepers]
    healthy = all(Condition(each["state"]) in _HEALTHY for each in certificates) and not problem
    return {
        "healthy": healthy,
        "updated": _time(now.timestamp()),
        "watching": watching,
        "problem": problem,
        "certificates": certificates,
    }


def _certificate(keeper: Keeper, now: dt.datetime) -> StatusTree:
    manifest, state = keeper.installer.served_from(), keeper.state
    found = state.found
    return {
        "name": keeper.managed.name,
        "certificate": keeper.managed.certificate,
        "state": _condition(manifest, state, now).value,
        "version": manifest.version if manifest else "",
        "fingerprint": manifest.fingerprint if manifest else "",
        "expires": _time(manifest.not_after) if manifest else "",
        "installed": _time(manifest.written) if manifest else "",
        "checked": _time(state.checked) if state.checked is not None else "",
        "found": {"version": found.version, "due": _time(found.due)} if found else None,
        "problems": [_problem(each) for each in (state.install, state.refresh) if each is not None],
        "installations": dict(state.installations),
    }


def _condition(manifest: Manifest | None, state: CertificateState, now: dt.datetime) -> Condition:
    if manifest is None:
        return Condition.MISSING
    if manifest.expiry <= now:
        return Condition.EXPIRED
    if state.install is not None:
        return Condition.FAILED
    return Condition.WAITING if state.found is not None else Condition.INSTALLED


def _problem(failure: Failure) -> StatusTree:
    return {
        "reason": failure.reason,
        "message": failure.message,
        "since": _time(failure.since),
        "attempts": failure.attempts,
        "retry": _time(failure.retry),
    }


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


_CERTIFICATE_METRICS: Final = (
    ("expiry_timestamp_seconds", "expires", "The end of the validity period of the installed certificate."),
    ("installed_timestamp_seconds", "installed", "The time when the installed certificate was written."),
    ("checked_timestamp_seconds", "checked", "The last time that the gateway delivered the certificate."),
)


def metrics_text(tree: Mapping[str, Any]) -> str:
    """Return the status as metrics in the text format of Prometheus."""
    return "".join(f"{line}\n" for line in _metrics(tree))


def _metrics(tree: Mapping[str, Any]) -> Iterator[str]:
    certificates = tree["certificates"]
    yield from _head(
        "healthy", "gauge", "1 if every certificate is installed and valid, and its last installation succeeded."
    )
    yield f"keyway_agent_healthy {int(tree['healthy'])}"
    yield from _head("watching", "gauge", "1 while the agent watches its certificates on streams of the gateway.")
    yield f"keyway_agent_watching {int(tree['watching'])}"
    for name, key, text in _CERTIFICATE_METRICS:
        yield from _head(f"certificate_{name}", "gauge", text)
        for each in certificates:
            if each[key]:
                seconds = dt.datetime.fromisoformat(each[key]).timestamp()
                yield f'keyway_agent_certificate_{name}{{name="{each["name"]}"}} {seconds:.0f}'
    yield from _head("certificate_waiting", "gauge", "1 while a new version waits for its time.")
    for each in certificates:
        yield f'keyway_agent_certificate_waiting{{name="{each["name"]}"}} {int(each["found"] is not None)}'
    yield from _head("failure", "gauge", "1 while the certificate has a problem with this reason.")
    for each in certificates:
        active = {problem["reason"] for problem in each["problems"]}
        for reason in FailureReason:
            value = int(reason.value in active)
            yield f'keyway_agent_failure{{name="{each["name"]}",reason="{reason.value}"}} {value}'
    yield from _head("installations_total", "counter", "Installations by result: success, or the reason of a failure.")
    for each in certificates:
        for result, count in sorted(each["installations"].items()):
            yield f'keyway_agent_installations_total{{name="{each["name"]}",result="{result}"}} {count}'


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP keyway_agent_{name} {text}"
    yield f"# TYPE keyway_agent_{name} {kind}"
