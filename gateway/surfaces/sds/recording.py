"""The audit records of streams: their openings, and the answers of nodes. Each delivery is recorded as a call."""

import contextlib
from collections import Counter
from typing import Final

import structlog

from gateway.audit import events
from gateway.audit.call_facts import SDS, CallDetails, CallResult, CallSource, Moment
from gateway.contract.methods import ACCEPT_SECRET, OPEN_SECRET_STREAM, REJECT_SECRET, Method
from gateway.deliveries.ledger import Delivery
from gateway.errors import GatewayError
from gateway.redaction import Redaction
from gateway.server.audit_recorder import AuditRecorder
from gateway.server.method_handler import new_request_id
from gateway.server.rpc_context import peer_address
from gateway.surfaces.sds.names import resource_of
from gateway.surfaces.sds.node import Node

ACCEPTED: Final = "accepted"
REJECTED: Final = "rejected"
_REJECTION_CODE: Final = "FAILED_PRECONDITION"

_log = structlog.get_logger(__name__)


class DeliveryRecorder:
    """Records what nodes do. recorder: None without an audit journal. answers: the number of answers by result."""

    def __init__(self, recorder: AuditRecorder | None, redaction: Redaction) -> None:
        self._recorder = recorder
        self._redaction = redaction
        self.answers: Counter[str] = Counter({ACCEPTED: 0, REJECTED: 0})

    def opened(self, node: Node, variant: str) -> None:
        """Record the opening of a stream. Raises GatewayError if the journal is unavailable."""
        if self._recorder is not None:
            details = _details(OPEN_SECRET_STREAM, node, [], {"variant": variant})
            self._recorder.record_notice(details, _result("OK"))

    def answered(self, node: Node, name: str, delivery: Delivery, version: str, error: str | None) -> None:
        """Record that a node accepted or rejected a version of a secret. error: None if it accepted it.

        The error of a node can quote the secret, so it is recorded like text of an upstream.
        """
        self.answers[ACCEPTED if error is None else REJECTED] += 1
        request: dict[str, object] = {"secret": name, "version": version}
        if error is not None:
            request["error"] = error if self._redaction.keep_text else self._redaction.placeholder(error)
            _log.warning("secret_rejected_by_node", secret=delivery.resource, node=node.id, version=version)
        if self._recorder is None:
            return
        resource = resource_of(delivery.resource)
        method = ACCEPT_SECRET if error is None else REJECT_SECRET
        details = _details(method, node, [resource] if resource is not None else [], request)
        # An unavailable journal logs that itself.
        with contextlib.suppress(GatewayError):
            self._recorder.record_notice(details, _result("OK" if error is None else _REJECTION_CODE))


def _details(method: Method, node: Node, resources: list[tuple[str, str]], request: dict[str, object]) -> CallDetails:
    return CallDetails(
        method=method,
        request_id=new_request_id(),
        caller_request_id="",
        caller=node.caller,
        source=CallSource(peer_address(node.peer), node.user_agent, node.id, SDS),
        resources=resources,
        request=request,
    )


def _result(code: str) -> CallResult:
    return CallResult(events.SUCCESS if code == "OK" else events.FAILURE, code, Moment.now())
