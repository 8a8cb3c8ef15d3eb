"""The contract suite: what its tests need to know about a provider type.

Each provider type has a module in `tests/contract/providers` with the name of its package. The module supplies the
configurations to test (`SUITES`). The tests of this folder then run for every configuration.
"""

import importlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from gateway.call_context import CallContext
from gateway.contract.methods import METHODS
from gateway.emulators.catalog import EMULATOR_TYPES
from gateway.providers.base.listing import ListWindow
from gateway.providers.base.provider import Provider, operations_of
from gateway.providers.base.settings import ProviderSettings
from gateway.providers.catalog import PROVIDER_TYPES
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.once import ONCE
from tests.support.valid_requests import valid_request

REQUEST_SECRET: Final = "markerOfTheRequest9d2fAAAAAAAAAA"
"""The value of every password, plaintext, and key in a request. It is valid Base64, as keys must be."""

_METHOD_OF: Final = {method.operation: method.name for method in METHODS}

Json = Mapping[str, Any]


class CheckCase(NamedTuple):
    """An injected fault, and the result of CheckProvider. `fault`: see `gateway.emulators.faults`."""

    fault: Json
    state: str
    reason: str


@dataclass(frozen=True)
class Suite:
    """One configuration of a provider type.

    secrets: the configured values that must never be recorded.
    success: returns the body of a successful response with this payload. failure: returns the body of a failed response
    whose message is this text.
    payload: returns a payload in which this value, of any type, is in the place of the data of each call: in the fields
    that the adapter reads.
    checks: vendor failures of the check, with the expected result of CheckProvider.
    check_status: the HTTP status of the response to the check.
    login_path: the start of the paths that log in and out; None if the API has no sessions. login_payload: the payload
    of a successful login. without_login: settings that replace the login by a fixed session.
    """

    type: str
    settings: Json
    secrets: tuple[str, ...]
    success: Callable[[Any], Json]
    failure: Callable[[str], Json]
    payload: Callable[[Any], Json]
    checks: tuple[CheckCase, ...]
    check_status: int = 200
    login_path: str | None = None
    login_payload: Json = field(default_factory=dict)
    without_login: Json = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.type} {self.settings.get('api_version', '')}".strip()

    @property
    def api_paths(self) -> str:
        """A pattern that matches the paths of all calls except login and logout."""
        return f"^(?!{self.login_path})" if self.login_path is not None else "^/"

    def configured(self, endpoint: str, **overrides: Any) -> ProviderSettings:
        """Return the settings. An override of None removes the key."""
        tree = {"type": self.type, "endpoint": endpoint, **ONCE, **self.settings, **overrides}
        return PROVIDER_TYPES[self.type].settings.model_validate(
            {key: value for key, value in tree.items() if value is not None}
        )

    def create(self, endpoint: str, **overrides: Any) -> Provider:
        """Return the adapter, not started."""
        return PROVIDER_TYPES[self.type].create(self.configured(endpoint, **overrides))


def _suites() -> Iterator[Suite]:
    for kind, provider_type in PROVIDER_TYPES.items():
        package = provider_type.settings.__module__.split(".")[-2]
        if kind not in EMULATOR_TYPES:
            raise LookupError(
                f"provider type {kind} has no emulator: create a package in gateway/emulators and add it to "
                "gateway/emulators/catalog.py (docs/adding-a-provider.md)"
            )
        yield from _module(kind, f"tests.contract.providers.{package}").SUITES


def _module(kind: str, name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise LookupError(
            f"provider type {kind} has no contract module: create {name.replace('.', '/')}.py with SUITES "
            "(docs/adding-a-provider.md)"
        ) from error


def every_suite() -> tuple[Suite, ...]:
    """Return the configurations of all provider types in the catalog."""
    return tuple(_suites())


_WRONG_VALUES: Final = ("null", '"maybe"', "1e999", '"\\ud800"')


def distorted(body: Any) -> Iterator[str]:
    """Yield JSON texts of the body in which one value, at any depth, is wrong."""
    yield from _WRONG_VALUES
    if isinstance(body, Mapping):
        for changed, value in body.items():
            for wrong in distorted(value):
                items = {name: wrong if name == changed else json.dumps(item) for name, item in body.items()}
                yield "{" + ", ".join(f"{json.dumps(name)}: {item}" for name, item in items.items()) + "}"


def new_call(seconds: float = 10.0) -> CallContext:
    """Return a call with this many seconds until its deadline."""
    return CallContext("contract", time.monotonic() + seconds, idempotent=True)


def invocations(provider: Provider, secret: str) -> dict[str, Callable[[CallContext], Awaitable[Any]]]:
    """Return every operation that the provider serves with a valid request, and its check."""
    ready: dict[str, Callable[[CallContext], Awaitable[Any]]] = {"check": provider.check}
    for name, operation in operations_of(provider).items():
        ready[name] = _ready(operation, _request(name, provider.id, secret))
    return ready


def _ready(operation: Callable[..., Awaitable[Any]], request: Any) -> Callable[[CallContext], Awaitable[Any]]:
    return lambda call: operation(request, call)


def _request(operation: str, provider: str, secret: str) -> Any:
    if operation == "list_certificates":
        return ListWindow(0, 50, certificates.CERTIFICATE_STATE_FILTER_ALL)
    return valid_request(_METHOD_OF[operation], provider, secret)
