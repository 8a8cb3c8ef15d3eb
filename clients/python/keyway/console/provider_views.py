"""The view of providers: their state, and what their calls looked like in the last minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from keyway.console.calls import GatewayCalls
from keyway.console.notices import Notice
from keyway.console.pages import Pages
from keyway.v1.provider_pb2 import CircuitBreakerState, Provider, ProviderState

PATH: Final = "/providers"
_LEVELS: Final = {"READY": "good", "DEGRADED": "soon", "UNREACHABLE": "critical"}
_BREAKER_LEVELS: Final = {"CLOSED": "good", "HALF_OPEN": "soon", "OPEN": "critical"}


@dataclass(frozen=True, slots=True)
class ProviderCard:
    """A provider for display. state: its name in lower case. level: how urgent the state is."""

    provider: Provider
    state: str
    level: str

    @classmethod
    def of(cls, provider: Provider) -> "ProviderCard":
        """Return the card of a provider."""
        name = ProviderState.Name(provider.state).removeprefix("PROVIDER_STATE_")
        return cls(provider, name.lower(), _LEVELS.get(name, "unknown"))

    @property
    def breaker(self) -> tuple[str, str] | None:
        """How urgent the state of the circuit breaker is, and its name; None if an older gateway does not return it."""
        if not self.provider.HasField("circuit_breaker"):
            return None
        name = CircuitBreakerState.Name(self.provider.circuit_breaker.state).removeprefix("CIRCUIT_BREAKER_STATE_")
        return _BREAKER_LEVELS.get(name, "unknown"), name.lower().replace("_", "-")

    @property
    def reason(self) -> str:
        """The reason to explain: of the state, or of most failed requests; empty if there is none."""
        failures = self.provider.activity.failures
        return self.provider.state_reason or (failures[0].reason if failures else "")

    @property
    def failing(self) -> str:
        """How urgent the share of failed requests is."""
        activity = self.provider.activity
        if not activity.failed_requests:
            return "good"
        return "critical" if activity.failed_requests * 2 >= activity.requests else "soon"

    @property
    def services(self) -> Sequence[tuple[str, list[str]]]:
        """The methods of each service."""
        made: dict[str, list[str]] = {}
        for method in self.provider.methods:
            service, _, name = method.removeprefix("keyway.v1.").partition("/")
            made.setdefault(service, []).append(name)
        return list(made.items())


class ProviderViews:
    """The page `/providers`."""

    def __init__(self, calls: GatewayCalls, pages: Pages) -> None:
        self._calls = calls
        self._pages = pages

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes."""
        return [web.get(PATH, self.show), web.post(f"{PATH}/check", self.check)]

    async def show(self, _: web.Request) -> web.Response:
        """Show all providers."""
        return await self._page()

    async def check(self, request: web.Request) -> web.StreamResponse:
        """Check one provider, and show all."""
        name = str((await request.post()).get("name", ""))
        checked = await self._calls.check_provider(name)
        if isinstance(checked, Notice):
            return await self._page(checked)
        raise web.HTTPSeeOther(PATH)

    async def _page(self, notice: Notice | None = None) -> web.Response:
        """Return the page with all providers. notice: why a check failed."""
        found = await self._calls.providers()
        if isinstance(found, Notice):
            return self._pages.page("providers.html", PATH, notice=found, cards=[])
        cards = [ProviderCard.of(each) for each in found]
        return self._pages.page("providers.html", PATH, notice=notice, cards=cards)
