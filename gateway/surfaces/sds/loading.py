"""The loader of secrets: calls the gateway in its own process, as the caller that the node has authenticated as."""

import asyncio
import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from google.rpc import code_pb2

from gateway.contract.methods import METHODS_BY_OPERATION
from gateway.contract.resource_names import provider_id
from gateway.deliveries.ledger import DeliveryState
from gateway.errors import MALFORMED_PROVIDER_RESPONSE, PERMISSION_DENIED, GatewayError, reason_name
from gateway.identity.caller import Caller
from gateway.server.authorizer import AuthorizationDenied, Authorizer
from gateway.server.in_process import InProcessCalls
from gateway.surfaces.sds.material import SecretMaterial, UnsendableError, certificate_material
from gateway.surfaces.sds.names import SecretResource
from gateway.surfaces.sds.node import Node
from gateway.surfaces.sds.shared_reads import SharedReads
from gateway.surfaces.sds.trust_bundles import GET_AUTHORITY, LIST_AUTHORITIES, TrustBundles
from keyway.v1 import certificate_service_pb2 as certificates

DOWNLOAD: Final = METHODS_BY_OPERATION["download_certificate"]
METHODS: Final = (DOWNLOAD, LIST_AUTHORITIES, GET_AUTHORITY)
"""The methods that the surface calls."""

_CONCURRENT_LOADS: Final = 32
"""Calls in progress for one caller. They must not use up its concurrency."""
_STATES: Final[Mapping[int, DeliveryState]] = {
    code_pb2.NOT_FOUND: DeliveryState.MISSING,
    code_pb2.INVALID_ARGUMENT: DeliveryState.MISSING,
    code_pb2.UNIMPLEMENTED: DeliveryState.MISSING,
    code_pb2.FAILED_PRECONDITION: DeliveryState.UNSENDABLE,
}
"""The state after an error with this code. After any other error, the gateway retries soon."""

MISSING_CODES: Final = frozenset(code for code, state in _STATES.items() if state is DeliveryState.MISSING)
"""The status codes of calls for a secret that does not exist."""


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """Why a secret cannot be sent. state: of the delivery. reason: for logs. retry_after: in seconds, if known."""

    state: DeliveryState
    reason: str
    retry_after: float | None = None


class SecretLoader:
    """Loads secrets for nodes.

    calls: serves METHODS, with the operations of `reads`. authorizer: None if every caller may do everything.
    providers: the IDs of the configured ones. seconds: until the deadline of a call.
    """

    def __init__(
        self,
        calls: InProcessCalls,
        reads: SharedReads,
        authorizer: Authorizer | None,
        trust_bundles: TrustBundles,
        *,
        providers: Collection[str],
        seconds: float,
    ) -> None:
        self._calls = calls
        self._providers = providers
        self._authorizer = authorizer
        self._trust_bundles = trust_bundles
        self._seconds = seconds
        self._reads = reads
        self._slots: WeakValueDictionary[Caller, asyncio.Semaphore] = WeakValueDictionary()
        self._checked: dict[str, tuple[object, SecretMaterial]] = {}

    def may_receive(self, node: Node, resource: SecretResource) -> bool:
        """Return whether the provider exists and policy permits the node to receive the secret, without a call."""
        if provider_id(resource.name) not in self._providers:
            return False
        if self._authorizer is None:
            return True
        method = DOWNLOAD if resource.is_certificate else LIST_AUTHORITIES
        try:
            self._authorizer.authorize(node.caller, method, _request(resource))
        except AuthorizationDenied:
            return False
        return True

    async def load(self, node: Node, resource: SecretResource) -> SecretMaterial | LoadFailure:
        """Return the present content of a secret, or why it cannot be sent."""
        try:
            async with self._slots.setdefault(node.caller, asyncio.Semaphore(_CONCURRENT_LOADS)):
                return await self._load(node, resource)
        except GatewayError as error:
            return _failure(error)
        except UnsendableError as error:
            return LoadFailure(DeliveryState.UNSENDABLE, str(error))

    @contextlib.contextmanager
    def push(self, resource: SecretResource) -> Iterator[None]:
        """Read the upstream once, however many nodes load the secret until the end of the block."""
        with self._reads.push(resource.name):
            try:
                yield
            finally:
                self._checked.pop(resource.name, None)

    async def _load(self, node: Node, resource: SecretResource) -> SecretMaterial:
        if not resource.is_certificate:
            return await self._trust_bundles.load(resource.name, partial(self._call, node))
        response = await self._call(node, DOWNLOAD, _request(resource))
        known = self._checked.get(resource.name)
        if known is not None and known[0] is response:  # checked for another node of the same push
            return known[1]
        material = certificate_material(response.certificate_chain, response.private_key_pem)
        if self._reads.pushing(resource.name):
            self._checked[resource.name] = response, material
        return material

    async def _call(self, node: Node, method: Any, request: Any) -> Any:
        return await self._calls.call(method, request, node.caller, self._seconds, origin=node.origin)


def _request(resource: SecretResource) -> Any:
    if resource.is_certificate:
        return certificates.DownloadCertificateRequest(name=resource.name, include_private_key=True)
    return certificates.ListTrustedAuthoritiesRequest(parent=resource.name)


def _failure(error: GatewayError) -> LoadFailure:
    if error.kind is PERMISSION_DENIED:
        state = DeliveryState.DENIED
    elif error.kind.reason == MALFORMED_PROVIDER_RESPONSE.reason:
        state = DeliveryState.UNSENDABLE
    else:
        state = _STATES.get(error.kind.code, DeliveryState.UNAVAILABLE)
    return LoadFailure(state, reason_name(error.kind.reason), error.retry_after)
