"""What the contract suite needs to know of each type of provider: how to configure it over its emulator.

A new type of provider gets an entry here, and with it every test of this folder.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.call_context import CallContext
from gateway.contract.methods import METHODS
from gateway.providers.base.listing import ListWindow
from gateway.providers.base.provider import Provider, operations_of
from gateway.providers.base.settings import ProviderSettings
from gateway.providers.catalog import PROVIDER_TYPES
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.once import ONCE
from tests.support.valid_requests import valid_request

REQUEST_SECRET: Final = "markerOfTheRequest9d2fAAAAAAAAAA"
"""What every password, plaintext and key of a request consists of, where a test looks for it; Base64 as a key is."""

ACCESS_KEY: Final = {"id": "demo-access-key", "secret": "demo-access-secret"}

_METHOD_OF: Final = {method.operation: method.name for method in METHODS}


@dataclass(frozen=True)
class Suite:
    """One configuration of a type. secrets: what of the settings must never show."""

    type: str
    settings: Mapping[str, Any]
    secrets: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.type} {self.settings.get('api_version', '')}".strip()

    def configured(self, endpoint: str, **overrides: Any) -> ProviderSettings:
        """The settings, parsed; an override of None takes the key away."""
        tree = {"type": self.type, "endpoint": endpoint, **ONCE, **self.settings, **overrides}
        return PROVIDER_TYPES[self.type].settings.model_validate(
            {key: value for key, value in tree.items() if value is not None}
        )

    def create(self, endpoint: str, **overrides: Any) -> Provider:
        """The adapter, not started."""
        return PROVIDER_TYPES[self.type].create(self.configured(endpoint, **overrides))


def _certificate_manager(version: str, *secrets: str, **more: Any) -> Suite:
    settings = {"id": "nhn-certs", "app_key": "certmanager-demo", "api_version": version, **more}
    return Suite("nhn-certificate-manager", settings, ("certmanager-demo", *secrets))


def _key_manager(version: str, *secrets: str, **more: Any) -> Suite:
    settings = {"id": "nhn-keys", "app_key": "keymanager-demo", "api_version": version, **more}
    return Suite("nhn-secure-key-manager", settings, ("keymanager-demo", *secrets))


SUITES: Final = (
    _certificate_manager("v1.0"),
    _certificate_manager("v1.1", "demo-access-secret", user_access_key=ACCESS_KEY),
    _certificate_manager("v1.2"),
    _certificate_manager("v1.3", "demo-token", bearer_token="demo-token"),
    _key_manager("v1.0"),
    _key_manager("v1.1", "demo-access-secret", user_access_key=ACCESS_KEY),
    _key_manager("v1.2", "demo-access-secret", user_access_key=ACCESS_KEY),
    _key_manager("v1.3", "demo-token", bearer_token="demo-token"),
    Suite("asteria", {"id": "asteria", "login": {"user_name": "/keyway", "password": "keyway-demo"}}, ("keyway-demo",)),
)


def new_call(seconds: float = 10.0) -> CallContext:
    """A call with this long to its deadline."""
    return CallContext("contract", time.monotonic() + seconds, idempotent=True)


def invocations(provider: Provider, secret: str) -> dict[str, Callable[[CallContext], Awaitable[Any]]]:
    """Every operation that the provider serves, ready to be called with a valid request; and its check."""
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
