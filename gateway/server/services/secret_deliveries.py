"""The method ListSecretDeliveries of AuditService: which node holds which version of a secret."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.audit_query.source import GATEWAY_LOG
from gateway.call_context import CallContext
from gateway.contract.resource_names import WILDCARD, provider_id
from gateway.deliveries.ledger import Delivery, DeliveryKey, DeliveryLedger, DeliveryState
from gateway.errors import PROVIDER_NOT_FOUND, GatewayError
from gateway.server.services import paging
from gateway.server.services.paging import PageTokens
from gateway.server.services.query_slots import caller_of
from keyway.v1 import audit_service_pb2 as service

_STATES: Final[Mapping[DeliveryState, Any]] = {
    state: service.SecretDeliveryState.Value(f"SECRET_DELIVERY_STATE_{state.name}") for state in DeliveryState
}


class DeliveryPosition(NamedTuple):
    """The last delivery of a page. The next page begins with the delivery after it."""

    secret: str
    caller: str
    node: str
    requested: str


def _read_position(fields: Mapping[str, Any]) -> DeliveryPosition:
    return DeliveryPosition(*(paging.text(fields[name]) for name in DeliveryPosition._fields))


_TOKENS: Final = PageTokens(DeliveryPosition._asdict, _read_position)


class SecretDeliveries:
    """Lists the deliveries in a ledger. providers: the IDs of all configured providers."""

    def __init__(self, ledger: DeliveryLedger, providers: Collection[str]) -> None:
        self._ledger = ledger
        self._providers = providers

    async def list_secret_deliveries(
        self, request: service.ListSecretDeliveriesRequest, call: CallContext
    ) -> service.ListSecretDeliveriesResponse:
        """Return one page of deliveries, sorted by secret, caller, and node."""
        logs = self._logs(request.parent, call)
        listing = "\0".join((caller_of(call), request.parent, request.secret, str(request.outdated_only)))
        after = _TOKENS.decode(request.page_token, listing)
        rows = sorted(self._matching(request, logs), key=lambda row: row[0])
        if after is not None:
            rows = [row for row in rows if row[0] > after]
        size = request.page_size or paging.DEFAULT_PAGE_SIZE
        return service.ListSecretDeliveriesResponse(
            deliveries=[_message(position, delivery) for position, delivery in rows[:size]],
            next_page_token=_TOKENS.encode(rows[size - 1][0], listing) if len(rows) > size else "",
        )

    def _logs(self, parent: str, call: CallContext) -> Collection[str] | None:
        """Return the audit logs whose deliveries are listed; None for all."""
        log = provider_id(parent)
        if log == WILDCARD:
            return call.providers
        if log != GATEWAY_LOG and log not in self._providers:
            raise GatewayError(PROVIDER_NOT_FOUND, f"{parent} does not exist", resource=parent)
        return {log}

    def _matching(
        self, request: service.ListSecretDeliveriesRequest, logs: Collection[str] | None
    ) -> Iterator[tuple[DeliveryPosition, Delivery]]:
        entries = self._ledger.all_entries()
        latest = _latest(entries.values()) if request.outdated_only else {}
        for key, delivery in entries.items():
            if logs is not None and _log(delivery.resource) not in logs:
                continue
            if request.secret and request.secret != delivery.resource:
                continue
            if request.outdated_only and delivery.accepted and delivery.accepted == latest.get(delivery.resource):
                continue
            yield _position(key, delivery), delivery


def _latest(deliveries: Iterable[Delivery]) -> Mapping[str, str]:
    """Return the version of each secret that was sent last to any node."""
    newest: dict[str, tuple[float, str]] = {}
    for delivery in deliveries:
        if delivery.sent:
            sent = delivery.sent_at, delivery.sent
            newest[delivery.resource] = max(newest.get(delivery.resource, sent), sent)
    return {resource: version for resource, (_, version) in newest.items()}


def _log(resource: str) -> str:
    """Return the ID of the audit log that a delivery belongs to."""
    return provider_id(resource) if resource else GATEWAY_LOG


def _position(key: DeliveryKey, delivery: Delivery) -> DeliveryPosition:
    return DeliveryPosition(delivery.resource, key.caller, key.node, key.secret)


def _message(position: DeliveryPosition, delivery: Delivery) -> service.SecretDelivery:
    return service.SecretDelivery(
        secret=position.secret,
        requested_name=position.requested,
        caller=position.caller,
        node=position.node,
        address=delivery.address,
        state=_STATES[delivery.state],
        sent_version=delivery.sent,
        accepted_version=delivery.accepted,
        rejected_version=delivery.rejected,
        send_time=_time(delivery.sent_at),
        state_time=_time(delivery.changed_at),
        connected=delivery.streams > 0,
    )


def _time(seconds: float) -> Timestamp | None:
    return Timestamp(seconds=int(seconds), nanos=int(seconds % 1 * 1e9)) if seconds else None
