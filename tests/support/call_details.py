"""The facts of one audited call, with every member."""

import dataclasses
from typing import Any

from gateway.audit.call_facts import CallDetails, CallSource, Moment
from gateway.authz.decision import Decision
from gateway.contract.methods import METHODS, Method
from gateway.identity.caller import Caller

KEY = "providers/nhn-keys/keys/orders-key"
BEGAN = Moment(1_700_000_000.25, 5000.0)
LATER = Moment(BEGAN.epoch + 0.002, BEGAN.monotonic + 0.002)


def call_details(name: str = "Encrypt", **changes: Any) -> CallDetails:
    """Return the details of a call of the method with this name."""
    usual = CallDetails(
        method=method_named(name),
        request_id="r-1",
        caller_request_id="order-42",
        caller=Caller("spiffe://example.org/web", "spiffe"),
        source=CallSource("10.1.2.3:4242", "grpc-go/1.70", "orders"),
        resources=[("keyway.dev/Key", KEY)],
        decisions=(Decision("Encrypt", "keyway.dev/Key", KEY, True, ("orders",)),),
        request={"plaintext": {"hmac_sha256": "ab"}},
        trace_id="1" * 32,
        span_id="2" * 16,
    )
    return dataclasses.replace(usual, **changes)


def method_named(name: str) -> Method:
    """Return the method of the contract with this name."""
    (found,) = (method for method in METHODS if method.name == name)
    return found
