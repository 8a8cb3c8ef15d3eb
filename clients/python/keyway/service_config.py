"""The gRPC service config: load balancing over gateways, and retries.

The contract states which methods are retried: those with the idempotency level NO_SIDE_EFFECTS.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from keyway.retry_policy import RETRY_POLICY
from keyway.v1 import audit_service_pb2, certificate_service_pb2, key_service_pb2, provider_service_pb2

_FILES: Final = (audit_service_pb2, certificate_service_pb2, key_service_pb2, provider_service_pb2)


def methods() -> Iterator[MethodDescriptor]:
    """Yield every method of the contract."""
    for file in _FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from service.methods


def retryable() -> list[MethodDescriptor]:
    """Return the methods without side effects."""
    safe = MethodOptions.NO_SIDE_EFFECTS
    return [method for method in methods() if method.GetOptions().idempotency_level == safe]


def service_config(*, retries: bool, health_checks: bool) -> str:
    """Return the service config as JSON."""
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if health_checks:
        config["healthCheckConfig"] = {"serviceName": ""}
    if retries:
        names = [{"service": method.containing_service.full_name, "method": method.name} for method in retryable()]
        config["methodConfig"] = [{"name": names, "retryPolicy": RETRY_POLICY}]
    return json.dumps(config)
