/** Names of the trailers of the gateway, and access to their values. */
import type { Metadata } from "@grpc/grpc-js";

export const REQUEST_ID = "keyway-request-id";
export const RECEIPT = "keyway-audit-receipt";
export const STATUS_DETAILS = "grpc-status-details-bin";

/** Returns the text value of `key`, if present. */
export function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" ? value : undefined;
}
