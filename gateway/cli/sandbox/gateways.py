"""The emulators and gateways of the sandbox.

The caller with a certificate is permitted everything. The caller with a token is permitted everything except reading
secrets. Requests are never retried and there is no circuit breaker, so that every fault that a test sets at a control
port reaches the client.

Two more gateways are for watched certificates. They share an emulator of their own, because they poll it: polls would
take the faults of other tests. Their streams end after two seconds.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway import app, demo, gateway_settings
from gateway.cli.sandbox import credentials
from gateway.emulators.catalog import EMULATOR_TYPES
from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.gateway_settings import GatewaySettings
from gateway.providers.catalog import SETTINGS

_UNLIMITED: Final = {"rate": 1_000_000, "burst": 1_000_000, "concurrency": 1_000_000}
_WATCHED: Final = "nhn-certificate-manager"
_ONCE: Final = {"retry": {"attempts": 1}, "breaker": {"enabled": False}}


@contextlib.asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[Mapping[str, Any]]:
    """Run emulators and gateways with their files in `folder`; yield the content of the ready line."""
    token = credentials.write(folder)
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(demo.emulators(None, demo.Ports.FREE))
        addresses = {
            kind: (await stack.enter_async_context(app.gateway(_settings(kind, folder, running)))).address
            for kind in _LISTENERS
        }
        watched = await stack.enter_async_context(EmulatorHost(EMULATOR_TYPES[_WATCHED].emulator, HostOptions()))
        yield {
            **addresses,
            "watch": [
                (await stack.enter_async_context(app.gateway(_watch_settings(number, folder, watched)))).address
                for number in range(2)
            ],
            "controls": {kind: host.control_url for kind, host in running.items()} | {"watched": watched.control_url},
            "tls": {
                "ca": str(folder / "ca.pem"),
                "certificate": str(folder / "client.pem"),
                "private_key": str(folder / "client.key"),
            },
            "token": token,
        }


_LISTENERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "plain": {"listen": "127.0.0.1:0"},
    "mtls": {"listen": "localhost:0", "identity": {"mtls": {"trust_bundle_file": "ca.pem"}}},
    "jwt": {
        "listen": "localhost:0",
        "identity": {"jwt": {"issuer": credentials.ISSUER, "audience": credentials.AUDIENCE, "jwks_file": "jwks.json"}},
    },
}
"""Settings of each gateway beyond the common ones."""


def _settings(kind: str, folder: Path, running: Mapping[str, EmulatorHost]) -> GatewaySettings:
    listener = dict(_LISTENERS[kind])
    if "identity" in listener:
        certificate = {"certificate_file": "server.pem", "private_key_file": "server.key"}
        listener["identity"] = {**certificate, **listener["identity"]}
        listener["policy"] = {"policy_files": ["policies.cedar"], "entities_file": "entities.json"}
    providers = [
        {**provider, **_ONCE, **_CHANGES.get(provider["id"], {}), "endpoint": running[provider["type"]].url}
        for provider in demo.DEMO_PROVIDERS
    ]
    return _parse(kind, folder, {"providers": providers, **listener})


def _watch_settings(number: int, folder: Path, emulator: EmulatorHost) -> GatewaySettings:
    (provider,) = (each for each in demo.DEMO_PROVIDERS if each["type"] == _WATCHED)
    poller = {"watch_interval": 1, "jitter": 0}
    tree = {
        "listen": "127.0.0.1:0",
        "maximum_connection_age": 2,
        "providers": [{**provider, **_ONCE, "poller": poller, "endpoint": emulator.url}],
    }
    return _parse(f"watch-{number}", folder, tree)


def _parse(kind: str, folder: Path, tree: Mapping[str, Any]) -> GatewaySettings:
    common = {
        "drain_delay": 0,
        "drain_timeout": 2,
        "limits": {"server_concurrency": 100_000, "caller": _UNLIMITED},
        "audit": {"directory": f"audit-{kind}", "durability": "os", "query": {}},
    }
    return gateway_settings.parse({**common, **tree}, SETTINGS, base=folder)


_CHANGES: Final = {"nhn-certs": {"api_version": "v1.0"}}
"""Changes to the demo providers: only this API version takes uploads."""
