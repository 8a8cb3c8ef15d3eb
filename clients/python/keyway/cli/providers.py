"""The commands `keyway providers …` for providers and their health."""

from collections.abc import Iterable, Iterator
from typing import Final

import click
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2
from rich.text import Text

from keyway.cli import expiry, names
from keyway.cli.commands import Group, pass_session
from keyway.cli.failures import NO
from keyway.cli.output import Column
from keyway.cli.session import Session
from keyway.v1.error_reason_pb2 import ErrorReason
from keyway.v1.provider_pb2 import (
    PROVIDER_STATE_READY,
    CircuitBreakerState,
    Provider,
    ProviderActivity,
    ProviderState,
)
from keyway.v1.provider_service_pb2 import CheckProviderRequest, GetProviderRequest, ListStatusMappingsRequest

_COLUMNS: Final = (
    Column("Provider", folds=True),
    Column("Type", needed=False),
    Column("API", needed=False),
    Column("State"),
    Column("Reason"),
    Column("Breaker", needed=False),
    Column("Failed", needed=False),
    Column("p99", needed=False),
    Column("Checked", needed=False),
)
_STYLES: Final = {"READY": "green", "DEGRADED": "yellow", "UNREACHABLE": "bold red"}


@click.group(cls=Group)
def providers() -> None:
    """List, check, and show the providers of the gateway."""


@providers.command("list", examples="keyway providers list")
@pass_session
def list_(session: Session) -> None:
    """List the providers with the result of their last check."""
    _show(session, session.providers())


@providers.command(
    examples="""
        keyway providers check
        keyway providers check asteria && echo ready
    """,
    notes="The exit code is 1 if a provider is not ready.",
)
@click.argument("provider", nargs=-1)
@pass_session
def check(session: Session, provider: tuple[str, ...]) -> int:
    """Check whether each PROVIDER responds. Default: all providers."""
    checked = [names.provider(each) for each in provider] or [each.name for each in session.providers()]
    method = session.client.providers.CheckProvider
    found = [session.call(method, CheckProviderRequest(name=name)).provider for name in checked]
    _show(session, found)
    return 0 if all(each.state == PROVIDER_STATE_READY for each in found) else NO


@providers.command(examples="keyway providers show nhn-keys")
@click.argument("provider")
@pass_session
def show(session: Session, provider: str) -> None:
    """Show a provider and the methods that it serves."""
    request = GetProviderRequest(name=names.provider(provider))
    found = session.call(session.client.providers.GetProvider, request).provider
    if session.json:
        session.output.json(found)
        return
    methods = [method.removeprefix("keyway.v1.") for method in found.methods]
    session.output.fields(
        (
            ("Name", found.name),
            ("Type", found.type),
            ("API", found.api_version),
            ("State", _state(found)),
            ("Reason", found.state_reason),
            ("Checked", _checked(found)),
            ("Circuit breaker", _breaker(found)),
            *_activity(found),
            ("Methods", methods),
        )
    )


@providers.command("status-mappings", examples="keyway providers status-mappings nhn-keys")
@click.argument("provider")
@pass_session
def status_mappings(session: Session, provider: str) -> None:
    """List how a provider's errors map to gRPC statuses."""
    request = ListStatusMappingsRequest(name=names.provider(provider))
    mappings = session.call(session.client.providers.ListStatusMappings, request).mappings
    if session.json:
        for mapping in mappings:
            session.output.json(mapping)
        return
    columns = (
        Column("Upstream", folds=True),
        Column("Meaning", needed=False, folds=True),
        Column("Status"),
        Column("Reason", folds=True),
        Column("Retry", needed=False),
    )
    session.output.table(
        columns,
        (
            (
                mapping.upstream_code,
                mapping.upstream_meaning,
                code_pb2.Code.Name(mapping.code),
                ErrorReason.Name(mapping.reason).removeprefix("ERROR_REASON_"),
                "yes" if mapping.retryable else "",
            )
            for mapping in mappings
        ),
    )


def _show(session: Session, found: Iterable[Provider]) -> None:
    if session.json:
        for each in found:
            session.output.json(each)
        return
    session.output.table(
        _COLUMNS,
        (
            (
                names.short(each.name),
                each.type,
                each.api_version,
                _state(each),
                each.state_reason,
                _breaker_state(each),
                _failed(each.activity),
                _latency(each.activity.latency_p99) if each.activity.requests else "",
                _checked(each),
            )
            for each in found
        ),
    )


def _state(provider: Provider) -> Text:
    name = ProviderState.Name(provider.state).removeprefix("PROVIDER_STATE_")
    return Text(name.lower(), style=_STYLES.get(name, "dim"))


def _breaker_state(provider: Provider) -> Text:
    """Return the state of the circuit breaker; empty from a gateway that does not report it."""
    state = provider.circuit_breaker.state
    if not state:
        return Text()
    name = CircuitBreakerState.Name(state).removeprefix("CIRCUIT_BREAKER_STATE_")
    return Text(name.lower().replace("_", "-"), style="" if name == "CLOSED" else "bold red")


def _breaker(provider: Provider) -> Text:
    breaker, text = provider.circuit_breaker, _breaker_state(provider)
    if breaker.open_workers and breaker.workers > 1:
        text.append(f" in {breaker.open_workers} of {breaker.workers} workers")
    return text


def _activity(provider: Provider) -> Iterator[tuple[str, str | list[str]]]:
    """Yield the fields of the recent requests."""
    activity = provider.activity
    if not provider.HasField("activity"):
        return
    yield "Requests", f"{activity.requests} in {_window(activity.window)}, {activity.failed_requests} failed"
    if activity.failures:
        yield "Failures", [f"{failure.reason} {failure.count}" for failure in activity.failures]
    if activity.requests:
        yield "Latency", f"p50 {_latency(activity.latency_p50)}, p99 {_latency(activity.latency_p99)}"


def _failed(activity: ProviderActivity) -> str:
    return f"{activity.failed_requests} of {activity.requests}" if activity.requests else ""


def _window(window: Duration) -> str:
    return f"{round(window.seconds / 60)} min" if window.seconds >= 60 else f"{window.seconds} s"


def _latency(duration: Duration) -> str:
    seconds = duration.ToMicroseconds() / 1e6
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _checked(provider: Provider) -> str:
    when = expiry.moment(provider.check_time)
    return f"{when:%Y-%m-%d %H:%M:%S}" if when else ""
