"""Generator of the gRPC service config that all languages can use: `python -m clients.service_config FILE`.

The file states which methods a gRPC client retries: those that the contract marks as NO_SIDE_EFFECTS.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodOptions

from clients.api_reference import contract

RETRY_POLICY: Final[dict[str, Any]] = {
    "maxAttempts": 5,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(service_config(contract()), indent=2) + "\n", encoding="utf-8")
    return 0


def service_config(files: list[FileDescriptorProto]) -> dict[str, Any]:
    """Return the service config: round robin with health checks, calls that wait for a connection, and retries."""
    retried = {"name": list(idempotent_methods(files)), "waitForReady": True, "retryPolicy": RETRY_POLICY}
    return {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
        "methodConfig": [retried, {"name": [{}], "waitForReady": True}],
    }


def idempotent_methods(files: list[FileDescriptorProto]) -> Iterator[dict[str, str]]:
    """Yield the names of the methods that the contract marks as safe to retry."""
    for file in files:
        for service in file.service:
            for method in service.method:
                if method.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS:
                    yield {"service": f"{file.package}.{service.name}", "method": method.name}


if __name__ == "__main__":
    sys.exit(main())
