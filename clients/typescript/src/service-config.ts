/** The gRPC service config: load balancing, and retries of the methods that the contract marks as NO_SIDE_EFFECTS. */
import type { DescService } from "@bufbuild/protobuf";
import type { ServiceConfig } from "@grpc/grpc-js";
import * as grpc from "@grpc/grpc-js";

import { idempotentMethods } from "./services.js";

const RETRY_POLICY = {
  maxAttempts: 5,
  initialBackoff: "0.1s",
  maxBackoff: "1s",
  backoffMultiplier: 2,
  retryableStatusCodes: [grpc.status.UNAVAILABLE],
};

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
