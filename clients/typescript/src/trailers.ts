/** The names of what the gateway sends after an answer, and how to read it. */
import type { Metadata } from "@grpc/grpc-js";

export const REQUEST_ID = "keyway-request-id";
export const RECEIPT = "keyway-audit-receipt";
export const STATUS_DETAILS = "grpc-status-details-bin";

/** The value of `key` where it is there and text. */
export function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" ? value : undefined;
}
