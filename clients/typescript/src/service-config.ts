/** How a channel spreads and repeats calls. Which methods may be repeated is the contract's to say. */
import type { DescService } from "@bufbuild/protobuf";
import type { ServiceConfig } from "@grpc/grpc-js";
import * as grpc from "@grpc/grpc-js";

import { repeatable } from "./services.js";

const RETRY_POLICY = {
  maxAttempts: 5,
  initialBackoff: "0.1s",
  maxBackoff: "1s",
  backoffMultiplier: 2,
  retryableStatusCodes: [grpc.status.UNAVAILABLE],
};

/** Calls in turn to every address; with `retries`, UNAVAILABLE is repeated where nothing can happen twice. */
export function serviceConfig(services: readonly DescService[], retries: boolean): ServiceConfig {
  const safe = services.flatMap((service) =>
    repeatable(service).map((method) => ({ service: service.typeName, method })),
  );
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: retries ? [{ name: safe, retryPolicy: RETRY_POLICY }] : [],
  };
}
