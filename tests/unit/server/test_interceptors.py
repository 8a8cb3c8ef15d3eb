"""The order of the interceptors, and their composition around a handler."""

from typing import Any

import pytest
from google.protobuf.message import Message

from gateway.audit.call_facts import Moment
from gateway.contract.methods import METHODS
from gateway.errors import GatewayError, InvalidRequest
from gateway.server.interceptors.chain import INTERCEPTORS, chain, create_interceptors
from gateway.server.interceptors.interceptor import CallNext, InterceptorDependencies
from gateway.server.rpc_context import RpcContext

ORDER = (
    "tracing",
    "audit_rejections",
    "drain_gate",
    "authentication",
    "decoding",
    "authorization",
    "rate_limits",
    "validation",
    "audit_intent",
)


class Recording:
    """Appends its name to `calls` before and after the call."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name = name
        self.calls = calls

    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        self.calls.append(f"before {self.name}")
        response = await call_next(call)
        self.calls.append(f"after {self.name}")
        return response


class Rejecting:
    async def intercept(self, call_next: CallNext, call: RpcContext) -> Message:
        raise InvalidRequest([])


def context() -> RpcContext:
    transport: Any = None
    return RpcContext("r-1", 0.0, False, method=METHODS[0], transport=transport, received_at=Moment(0.0, 0.0))


def test_interceptors_have_the_documented_order() -> None:
    assert tuple(create.__name__ for create in INTERCEPTORS) == ORDER


def test_interceptors_without_dependencies_are_omitted() -> None:
    names = [type(interceptor).__name__ for interceptor in create_interceptors(InterceptorDependencies())]
    assert names == ["_TracePropagation", "_DrainGate", "_Authentication", "_Decoding", "_RateLimits", "_Validation"]


async def test_first_interceptor_is_outermost() -> None:
    calls: list[str] = []

    async def handler(call: RpcContext) -> Message:
        calls.append("handler")
        return METHODS[0].response()

    await chain([Recording("first", calls), Recording("second", calls)], handler)(context())
    assert calls == ["before first", "before second", "handler", "after second", "after first"]


async def test_rejection_stops_the_chain() -> None:
    calls: list[str] = []

    async def handler(call: RpcContext) -> Message:
        raise AssertionError("a rejected call must not reach the handler")

    with pytest.raises(GatewayError):
        await chain([Recording("first", calls), Rejecting(), Recording("last", calls)], handler)(context())
    assert calls == ["before first"]
