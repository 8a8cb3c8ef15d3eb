"""The commands `keyway providers …` for providers and their health."""

from collections.abc import Iterator
from typing import Any, Final

import click
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2

from keyway.cli import expiry, names, value_types
from keyway.cli.commands import Group, pass_session
from keyway.cli.failures import NO
from keyway.cli.listing import ListColumn, Listing
from keyway.cli.session import Session
from keyway.terminal.styles import Styled
from keyway.v1.error_reason_pb2 import ErrorReason
from keyway.v1.provider_pb2 import PROVIDER_STATE_READY, CircuitBreakerState, Provider, ProviderState
from keyway.v1.provider_service_pb2 import CheckProviderRequest, GetProviderRequest, ListStatusMappingsRequest

_STYLES: Final = {"READY": "green", "DEGRADED": "yellow", "UNREACHABLE": "bold red"}


def _state(provider: Provider) -> Styled:
    name = ProviderState.Name(provider.state).removeprefix("PROVIDER_STATE_")
    return Styled(name.lower(), _STYLES.get(name, "dim"))


def _breaker_state(provider: Provider) -> Styled:
    """Return the state of the circuit breaker; empty from a gateway that does not report it."""
    state = provider.circuit_breaker.state
    if not state:
        return Styled("")
    name = CircuitBreakerState.Name(state).removeprefix("CIRCUIT_BREAKER_STATE_")
    return Styled(name.lower().replace("_", "-"), "" if name == "CLOSED" else "bold red")


def _breaker(provider: Provider) -> Styled:
    breaker, text = provider.circuit_breaker, _breaker_state(provider)
    if breaker.open_workers and breaker.workers > 1:
        return Styled(f"{text} in {breaker.open_workers} of {breaker.workers} workers", text.style)
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


def _failed(provider: Provider) -> str:
    activity = provider.activity
    return f"{activity.failed_requests} of {activity.requests}" if activity.requests else ""


def _slowest(provider: Provider) -> str:
    """Return the latency that 99 of 100 requests do not exceed."""
    return _latency(provider.activity.latency_p99) if provider.activity.requests else ""


def _window(window: Duration) -> str:
    return f"{round(window.seconds / 60)} min" if window.seconds >= 60 else f"{window.seconds} s"


def _latency(duration: Duration) -> str:
    seconds = duration.ToMicroseconds() / 1e6
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _checked(provider: Provider) -> str:
    when = expiry.moment(provider.check_time)
    return f"{when:%Y-%m-%d %H:%M:%S}" if when else ""


_LISTING: Final = Listing(
    "provider",
    "providers",
    (
        ListColumn("name", lambda each: names.short(each.name), title="Provider"),
        ListColumn("type", lambda each: each.type, terminal=100),
        ListColumn("api", lambda each: each.api_version, title="API", terminal=100),
        ListColumn("state", _state, fixed=True),
        ListColumn("reason", lambda each: each.state_reason),
        ListColumn("breaker", _breaker_state, terminal=80),
        ListColumn(
            "requests", lambda each: str(each.activity.requests), lambda each: each.activity.requests, extra=True
        ),
        ListColumn("failed", _failed, lambda each: each.activity.failed_requests, terminal=80),
        ListColumn(
            "p99",
            _slowest,
            lambda each: each.activity.latency_p99.ToMicroseconds(),
            title="p99",
            terminal=100,
        ),
        ListColumn("checked", _checked, terminal=120),
    ),
)
_MAPPINGS: Final = Listing(
    "status mapping",
    "status mappings",
    (
        ListColumn("upstream", lambda each: each.upstream_code),
        ListColumn("meaning", lambda each: each.upstream_meaning, terminal=100),
        ListColumn("status", lambda each: code_pb2.Code.Name(each.code), fixed=True),
        ListColumn("reason", lambda each: ErrorReason.Name(each.reason).removeprefix("ERROR_REASON_"), fixed=True),
        ListColumn("retry", lambda each: "yes" if each.retryable else "", terminal=80),
    ),
)


@click.group(cls=Group)
def providers() -> None:
    """List, check, and show the providers of the gateway."""


@providers.command("list", examples="keyway providers list")
@_LISTING.options
@pass_session
def list_(session: Session, **arguments: Any) -> None:
    """List the providers with the result of their last check."""
    _LISTING.selection(session, arguments).show(session, session.providers())


@providers.command(
    examples="""
        keyway providers check
        keyway providers check asteria && echo ready
    """,
    notes="The exit code is 1 if a provider is not ready.",
)
@click.argument("provider", type=value_types.PROVIDER, nargs=-1)
@_LISTING.options
@pass_session
def check(session: Session, provider: tuple[str, ...], **arguments: Any) -> int:
    """Check whether each PROVIDER responds. Default: all providers."""
    selection = _LISTING.selection(session, arguments)
    checked = [names.provider(each) for each in provider] or [each.name for each in session.providers()]
    method = session.client.providers.CheckProvider
    found = [session.call(method, CheckProviderRequest(name=name)).provider for name in checked]
    selection.show(session, found)
    return 0 if all(each.state == PROVIDER_STATE_READY for each in found) else NO


@providers.command(examples="keyway providers show nhn-keys")
@click.argument("provider", type=value_types.PROVIDER)
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
@click.argument("provider", type=value_types.PROVIDER)
@_MAPPINGS.options
@pass_session
def status_mappings(session: Session, provider: str, **arguments: Any) -> None:
    """List how a provider's errors map to gRPC statuses."""
    selection = _MAPPINGS.selection(session, arguments)
    request = ListStatusMappingsRequest(name=names.provider(provider))
    selection.show(session, session.call(session.client.providers.ListStatusMappings, request).mappings)
