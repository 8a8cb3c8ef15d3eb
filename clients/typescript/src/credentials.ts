/** Channel credentials: TLS, client certificates, and bearer tokens. */
import { readFileSync } from "node:fs";

import * as grpc from "@grpc/grpc-js";

/**
 * PEM, or the path of a PEM file. Files are read once, by `connect`.
 */
export type Pem = string | Uint8Array;

/** TLS settings. The default uses the certificate authorities of Node.js. */
export interface TlsOptions {
  /** CA bundle used to verify the gateway. */
  readonly ca?: Pem;
  /** The client certificate with its chain, for mutual TLS; requires `privateKey`. */
  readonly certificate?: Pem;
  readonly privateKey?: Pem;
  /** The name in the gateway's certificate, if it differs from the address. */
  readonly serverName?: string;
}

/** A bearer token, or a function that returns the token for each call. The function should cache the token. */
export type Token = string | (() => string | Promise<string>);

/** Returns the credentials of a TLS channel. */
export function tlsCredentials(tls: TlsOptions, token: Token | undefined): grpc.ChannelCredentials {
  if ((tls.certificate === undefined) !== (tls.privateKey === undefined)) {
    throw new TypeError("tls.certificate and tls.privateKey must be set together.");
  }
  const channel = grpc.credentials.createSsl(pem(tls.ca), pem(tls.privateKey), pem(tls.certificate));
  return token === undefined ? channel : grpc.credentials.combineChannelCredentials(channel, bearer(token));
}

function bearer(token: Token): grpc.CallCredentials {
  return grpc.credentials.createFromMetadataGenerator((_, callback) => {
    authorization(token).then(
      (metadata) => callback(null, metadata),
      (error: unknown) => callback(error instanceof Error ? error : new Error("The token function failed.")),
    );
  });
}

async function authorization(token: Token): Promise<grpc.Metadata> {
  // A token from a file can end with a newline.
  const text = (typeof token === "string" ? token : await token()).trim();
  // The error of grpc-js would contain the token.
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new TypeError("The token is empty or contains characters that a header cannot carry.");
  }
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${text}`);
  return metadata;
}

function pem(given: Pem | undefined): Buffer | null {
  if (given === undefined) {
    return null;
  }
  if (typeof given !== "string") {
    return Buffer.from(given);
  }
  return given.includes("-----BEGIN ") ? Buffer.from(given) : readFileSync(given);
}
