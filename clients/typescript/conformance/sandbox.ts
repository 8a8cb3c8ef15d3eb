/** The running sandbox (`keyway-gateway sandbox`), and clients of its listeners. */
import { readFileSync } from "node:fs";

import { type ConnectOptions, connect, type KeywayClient } from "@keyway/client";

/** The line of JSON that the sandbox prints when it is ready. */
export interface Sandbox {
  readonly plain: string;
  readonly mtls: string;
  readonly jwt: string;
  readonly watch: readonly string[];
  readonly controls: Readonly<Record<string, string>>;
  readonly tls: { readonly ca: string; readonly certificate: string; readonly private_key: string };
  readonly token: string;
}

export type Listener = "plain" | "mtls" | "jwt" | "watch";

/** Reads the file that KEYWAY_SANDBOX names. */
export function readSandbox(): Sandbox {
  const path = process.env.KEYWAY_SANDBOX;
  if (path === undefined) {
    throw new Error("KEYWAY_SANDBOX must name the file with the line of JSON from the sandbox.");
  }
  return JSON.parse(readFileSync(path, "utf8")) as Sandbox;
}

/** Returns a client of `listener`. */
export function connectTo(
  sandbox: Sandbox,
  listener: Listener = "plain",
  options: Partial<ConnectOptions> = {},
): KeywayClient {
  const { ca, certificate, private_key: privateKey } = sandbox.tls;
  const how: Record<Listener, ConnectOptions> = {
    plain: { address: sandbox.plain, plaintext: true },
    mtls: { address: sandbox.mtls, tls: { ca, certificate, privateKey } },
    watch: { addresses: sandbox.watch, plaintext: true },
    jwt: { address: sandbox.jwt, tls: { ca }, token: sandbox.token },
  };
  return connect({ ...how[listener], ...options });
}
