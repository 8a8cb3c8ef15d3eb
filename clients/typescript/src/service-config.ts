/** The gRPC service config: load balancing, and retries of the methods that the contract marks as NO_SIDE_EFFECTS. */
import type { DescService } from "@bufbuild/protobuf";
import type { ServiceConfig } from "@grpc/grpc-js";

import { RETRY_POLICY } from "./gen/retry-policy.js";
import { idempotentMethods } from "./services.js";

/** Returns the service config: round robin and, with `retries`, retries of idempotent methods on UNAVAILABLE. */
export function serviceConfig(services: readonly DescService[], retries: boolean): ServiceConfig {
  const safe = services.flatMap((service) =>
    idempotentMethods(service).map((method) => ({ service: service.typeName, method })),
  );
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: retries ? [{ name: safe, retryPolicy: RETRY_POLICY }] : [],
  };
}
