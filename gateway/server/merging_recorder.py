"""The recorder for methods whose repetitions are recorded together (`merge_repetitions` in the contract).

The first successful call, and each call that fails, is recorded like a call of any other method. A repetition has no
intent, no outcome, and no receipt.
"""

import hashlib
from typing import Any

from google.protobuf.message import Message

from gateway.audit.call_facts import Moment
from gateway.audit.description import Describer
from gateway.journal.write.journal import Journal
from gateway.server.audit_recorder import AuditRecorder, unavailable
from gateway.server.peer_network import peer_host
from gateway.server.rejections import Rejections
from gateway.server.repetitions import RepeatedCall, Repetitions
from gateway.server.rpc_context import RpcContext
from gateway.server.tarpit import Tarpit

_PAGE_TOKEN = "page_token"  # noqa: S105 - the name of a field


class MergingRecorder(AuditRecorder):
    """Records calls, and counts their repetitions."""

    def __init__(
        self, journal: Journal, describer: Describer, rejections: Rejections, tarpit: Tarpit, repetitions: Repetitions
    ) -> None:
        super().__init__(journal, describer, rejections, tarpit)
        self._repetitions = repetitions

    def record_intent(self, call: RpcContext) -> None:
        """Record the intent, unless the call is a repetition. Raises GatewayError if the journal is unavailable."""
        if not self._repetitions.known(_repeated(call)):
            super().record_intent(call)
        elif not self._journal.available:
            raise unavailable(call)

    async def record_success(self, call: RpcContext, response: Message, ended_at: Moment) -> None:
        """Count the call if it is a repetition. Otherwise, record its outcome, and wait until it is durable."""
        repeated = _repeated(call)
        if call.events is None and self._repetitions.count(repeated):
            return
        await super().record_success(call, response, ended_at)
        details = self._details(call)
        details.request = {name: value for name, value in details.request.items() if name != _PAGE_TOKEN}
        self._repetitions.begin(repeated, details)


def _repeated(call: RpcContext) -> RepeatedCall:
    assert call.request is not None
    assert call.caller is not None
    request: Any = type(call.request)()
    request.CopyFrom(call.request)
    if _PAGE_TOKEN in request.DESCRIPTOR.fields_by_name:
        request.ClearField(_PAGE_TOKEN)
    digest = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    source = call.source
    return RepeatedCall(
        call.caller,
        peer_host(source.address),
        source.surface,
        call.method.full_name,
        digest,
        tuple(call.decisions),
    )
